"""What a web service tells of itself: under its version, and never at the cost of its requests."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.loopback import free_port
from tests.image.containers import until
from tests.image.services import VERSION, Service
from tests.observability.collector import Collector
from tests.observability.conftest import IMAGES, Observed
from tests.observability.servers import victoria
from tests.observability.support import complaints, ended, get, started

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALL = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
DURATION = "http_server_request_duration_seconds"


@pytest.fixture(params=[base for kind, base in IMAGES if kind == "web"])
def service(request: pytest.FixtureRequest, observed: Observed) -> Service:
    """Return a web service on each base."""
    return observed("web", request.param)


def test_a_trace_goes_on_where_the_caller_s_began_and_log_lines_name_it(
    service: Service, sent: Collector
) -> None:
    with started(service, OTEL_EXPORTER_OTLP_ENDPOINT=sent.endpoint) as (container, _):
        assert get(container.port, "/orders/7", **CALL)[0] == 200
        assert get(container.port, "/broken", **CALL)[0] == 500
        assert get(container.port, "/orders/8")[0] == 200
        lines = ended(container)
    names = ["GET /broken", "GET /orders/{number}", "GET /orders/{number}"]
    assert sorted(span.name for span in sent.spans) == names  # none of /health/
    for span in sent.spans:
        assert span.resource["service.name"] == service.name.rpartition("/")[2]
        assert span.resource["service.version"] == VERSION
        assert span.failed == (span.name == "GET /broken")
    assert sorted(span.parent for span in sent.spans) == ["", CALLER, CALLER]
    told = {line["message"].split('"')[1]: line for line in lines if '"GET' in line["message"]}
    assert told["GET /orders/7 HTTP/1.1"]["trace_id"] == TRACE
    assert told["GET /orders/8 HTTP/1.1"]["trace_id"] not in ("", TRACE)
    [failure] = [line for line in lines if "no luck" in line.get("exc_info", "")]
    assert failure["trace_id"] == TRACE
    assert {line["version"] for line in lines} == {VERSION}
    assert [line for line in lines if "startup" in line["message"] and "trace_id" in line] == []


def test_metrics_name_the_version_and_have_a_port_of_their_own(service: Service) -> None:
    with started(service) as (container, port):
        assert get(container.port, "/orders/7")[0] == 200
        assert get(container.port, "/metrics")[0] == 404
        status, text = get(port, "/metrics")
        assert status == 200
        assert f'service_version="{VERSION}"' in text
        assert f"{DURATION}_count{{" in text
        counted = [line for line in text.splitlines() if line.startswith(f"{DURATION}_count{{")]
        assert len(counted) == 2
        assert any('http_response_status_code="404"' in line for line in counted)
        assert "/health/" not in text
        assert complaints(ended(container)) == []


def test_a_real_server_takes_its_metrics_by_otlp(service: Service, tmp_path: Path) -> None:
    with victoria(tmp_path) as server:
        push = f"{server.address}/opentelemetry/v1/metrics"
        with started(service, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=push) as (container, _):
            assert get(container.port, "/orders/7")[0] == 200
            assert complaints(ended(container)) == []  # what is left is sent at the end
        counted = f'{DURATION}_count{{service_version="{VERSION}"}}'
        until(lambda: server.numbers(counted) == [1], "the request, under its version")


@pytest.fixture(params=["nobody", "somebody who never answers"])
def silent(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the address of a collector that is none."""
    if request.param == "nobody":
        yield f"http://127.0.0.1:{free_port()}"
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_without_its_collector_it_starts_answers_and_ends_in_time(
    observed: Observed, silent: str
) -> None:
    often = {"OTEL_BSP_SCHEDULE_DELAY": 100, "OTEL_METRIC_EXPORT_INTERVAL": 100}
    quickly = {"OTEL_EXPORTER_OTLP_TIMEOUT": 1}
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": silent, **often, **quickly}
    with started(observed("web", "slim"), **variables) as (container, port):
        for number in range(300):
            assert get(container.port, f"/orders/{number}")[0] == 200
        until(lambda: complaints(container.lines), "a word of the failure")
        assert get(port, "/metrics")[0] == 200
        said = complaints(ended(container))
    # One line a failed export, and no more often than its time limit.
    assert len(said) < 30
    assert {line["level"] for line in said} == {"ERROR"}


def test_it_can_be_switched_off(observed: Observed, sent: Collector) -> None:
    off = {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": sent.endpoint}
    with started(observed("web", "slim"), **off) as (container, port):
        assert get(container.port, "/orders/7", **CALL)[0] == 200
        with pytest.raises(ConnectionRefusedError):
            get(port, "/metrics")
        assert not [line for line in ended(container) if "trace_id" in line]
    assert sent.spans == []


def test_a_taken_port_of_metrics_costs_no_answer(observed: Observed) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        variables = {"OTEL_EXPORTER_PROMETHEUS_PORT": port}
        with started(observed("web", "slim"), **variables) as (container, _):
            assert get(container.port, "/orders/7")[0] == 200
            [said] = [line for line in ended(container) if line["level"] == "ERROR"]
    assert said["message"].startswith(f"no metrics on port {port}: ")
