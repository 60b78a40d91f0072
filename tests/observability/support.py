"""Small helpers: a service that runs, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

from tests.engine.loopback import free_port
from tests.image.containers import Container, running, until
from tests.image.services import Service


@contextmanager
def started(service: Service, *command: str, **variables: Any) -> Iterator[tuple[Container, int]]:
    """Run a service as strictly as in production; yield it and the port of its metrics."""
    port = free_port()
    with running(
        service.image,
        service.network,
        *command,
        **{"OTEL_EXPORTER_PROMETHEUS_PORT": port, **variables},
    ) as container:
        if service.kind == "web":
            until(container.answers, "an answer")
        yield container, port


def get(port: int, path: str, **headers: str) -> tuple[int, str]:
    """Return status and text of an answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def ended(container: Container) -> list[dict[str, Any]]:
    """Stop a service, which must end by itself; return its log."""
    container.stop()  # the engine would kill it after ten seconds, and the code be 137
    assert container.exit_code() == 0, container.output
    return container.lines


def complaints(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines that OpenTelemetry wrote."""
    return [line for line in lines if line["logger"].startswith("opentelemetry")]
