"""A collector on loopback that keeps what it is sent by OTLP over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Attributes = dict[str, Any]


@dataclass(frozen=True)
class Span:
    """A span, and who sent it."""

    name: str
    trace: str
    parent: str
    failed: bool
    attributes: Attributes
    resource: Attributes


@dataclass(frozen=True)
class Point:
    """How often a metric was measured with some attributes, and who sent it."""

    name: str
    count: int
    attributes: Attributes
    resource: Attributes


@dataclass
class Collector:
    """What came so far."""

    endpoint: str
    spans: list[Span] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)

    def named(self, name: str) -> list[Span]:
        """Return the spans of a name."""
        return [span for span in self.spans if span.name == name]

    def take(self, path: str, body: bytes) -> None:
        """Keep what was sent to a path."""
        if path == "/v1/traces":
            for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
                resource = plain(sent.resource.attributes)
                self.spans += [
                    Span(
                        name=span.name,
                        trace=span.trace_id.hex(),
                        parent=span.parent_span_id.hex(),
                        failed=span.status.code == span.status.STATUS_CODE_ERROR,
                        attributes=plain(span.attributes),
                        resource=resource,
                    )
                    for scope in sent.scope_spans
                    for span in scope.spans
                ]
        elif path == "/v1/metrics":
            for measured in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                resource = plain(measured.resource.attributes)
                self.points += [
                    Point(metric.name, point.count, plain(point.attributes), resource)
                    for scope in measured.scope_metrics
                    for metric in scope.metrics
                    for point in metric.histogram.data_points
                ]


def plain(attributes: Any) -> Attributes:
    """Return attributes as plain values."""
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in attributes}


@contextmanager
def collector() -> Iterator[Collector]:
    """Run a collector until the end."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Keep it; an empty answer says that all was taken."""
            kept.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
