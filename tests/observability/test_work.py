"""What a worker and a job tell: a span and a duration for each unit of work, and its outcome."""

from __future__ import annotations

import socket

import pytest

from tests.image.containers import until
from tests.image.services import VERSION
from tests.observability.collector import Collector
from tests.observability.conftest import Observed
from tests.observability.support import complaints, ended, get, started

BROKEN = """
import sys
from app import main, telemetry

@telemetry.unit("work")
def work():
    raise RuntimeError("no luck")

main.work = work
sys.exit(main.main())
"""


def test_each_unit_of_a_worker_is_traced_and_measured(observed: Observed, sent: Collector) -> None:
    service = observed("worker", "distroless")
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": sent.endpoint, "INTERVAL": 0.05}
    with started(service, **variables) as (container, port):
        until(lambda: len(container.lines) > 5, "some units of work")
        status, text = get(port, "/metrics")
        assert status == 200
        assert "work_duration_seconds_count{" in text
        assert f'service_version="{VERSION}"' in text
        lines = ended(container)
    units = [line for line in lines if "unit of work" in line["message"]]
    traces = [span.trace for span in sent.named("work")]
    assert [line["trace_id"] for line in units] == traces
    assert len(set(traces)) == len(traces)
    assert {span.resource["service.version"] for span in sent.spans} == {VERSION}
    assert [point.count for point in sent.points if point.name == "work.duration"][-1] == len(units)
    assert "trace_id" not in lines[-1]
    assert complaints(lines) == []


def test_a_unit_that_fails_is_told_by_its_span_its_metric_and_its_line(
    observed: Observed, sent: Collector
) -> None:
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": sent.endpoint, "INTERVAL": 0.05}
    command = ("python", "-c", BROKEN)
    with started(observed("worker", "distroless"), *command, **variables) as (container, _):
        until(lambda: len(container.lines) > 5, "some units of work")
        lines = ended(container)
    failures = [line for line in lines if "no luck" in line.get("exc_info", "")]
    assert [line["trace_id"] for line in failures] == [span.trace for span in sent.named("work")]
    assert all(span.failed for span in sent.spans)
    [kind] = {point.attributes.get("error.type") for point in sent.points}
    assert kind == "RuntimeError"


@pytest.mark.parametrize("broken", [False, True])
def test_a_job_sends_its_one_span_and_how_it_came_out_before_it_ends(
    observed: Observed, sent: Collector, broken: bool
) -> None:
    command = ("python", "-c", BROKEN) if broken else ()
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": sent.endpoint}
    with started(observed("job", "slim"), *command, **variables) as (container, _):
        assert container.exit_code() == broken
        lines = container.lines
    [span] = sent.spans
    assert (span.name, span.failed) == ("work", broken)
    assert span.resource["service.version"] == VERSION
    [point] = [point for point in sent.points if point.name == "work.duration"]
    assert point.count == 1
    assert point.attributes.get("error.type") == ("RuntimeError" if broken else None)
    assert lines[-1]["trace_id"] == span.trace
    assert complaints(lines) == []


def test_a_job_keeps_its_code_where_its_collector_never_answers(observed: Observed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = f"http://127.0.0.1:{listener.getsockname()[1]}"
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": silent, "OTEL_EXPORTER_OTLP_TIMEOUT": 600}
        with started(observed("job", "slim"), **variables) as (container, _):
            assert container.exit_code() == 0
