"""A collector that takes OTLP over HTTP, and any other request that names a trace."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

pytest.importorskip("opentelemetry", reason="opentelemetry is missing: install the extra otel")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from runtime import RuntimeConfig
from runtime.config import Tracing

PATH = "/v1/traces"


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as it came over the wire.

    Attributes:
        parent: the id of its parent; empty for none.
        exceptions: the attributes of its exception events.
    """

    name: str
    trace: str
    id: str
    parent: str
    start: int
    end: int
    attributes: dict[str, Any]
    exceptions: list[dict[str, Any]]
    is_error: bool
    kind: int


@dataclass
class Collector:
    """What has come.

    Attributes:
        url: where it listens.
        status: of its responses.
        headers: of every request, with the names in lower case.
        resources: the attributes of every resource.
        others: the traceparent of every request that is no export.
        answer: set to let responses go.
    """

    url: str = ""
    status: int = 200
    headers: list[dict[str, str]] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    received: list[ReceivedSpan] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    answer: threading.Event = field(default_factory=threading.Event)

    def traces(self) -> dict[str, list[ReceivedSpan]]:
        """Return the spans by trace."""
        found = defaultdict(list)
        for span in self.received:
            found[span.trace].append(span)
        return dict(found)

    def named(self, name: str) -> list[ReceivedSpan]:
        """Return the spans of a name, in the order of their beginnings."""
        return sorted((s for s in self.received if s.name == name), key=lambda s: s.start)

    def one(self, name: str) -> ReceivedSpan:
        """Return the only span of a name."""
        (span,) = self.named(name)
        return span

    def tracing(self, **settings: Any) -> RuntimeConfig:
        """Return settings that trace every item, for this collector."""
        return RuntimeConfig(
            tracing=Tracing(**{"endpoint": self.url, "item_interval": 1, **settings})
        )

    def take(self, body: bytes) -> None:
        """Decode a request."""
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            self.resources.append(_attributes(resource.resource.attributes))
            for scope in resource.scope_spans:
                self.received += map(_span, scope.spans)


def _span(span: Any) -> ReceivedSpan:
    return ReceivedSpan(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _attributes(span.attributes),
        [_attributes(event.attributes) for event in span.events if event.name == "exception"],
        span.status.code == span.status.STATUS_CODE_ERROR,
        span.kind,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def collecting(*, answers: bool = True) -> Iterator[Collector]:
    """Listen for as long as the block lasts.

    Args:
        answers: whether it answers at once, and not only when `answer` is set.
    """
    collector = Collector()
    if answers:
        collector.answer.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.headers.append({k.lower(): v for k, v in self.headers.items()})
            collector.answer.wait()
            if self.path == PATH and collector.status == 200:
                collector.take(body)
            self.send_response(collector.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            collector.others.append(self.headers.get("traceparent", ""))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, *_: object) -> None:
            """Ignore clients that have gone."""

    with Server(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_address[1]}{PATH}"
        thread = threading.Thread(target=server.serve_forever, name="collector", args=(0.01,))
        thread.start()
        try:
            yield collector
        finally:
            collector.answer.set()
            server.shutdown()
            thread.join()
