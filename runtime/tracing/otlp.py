"""The libraries of OpenTelemetry, which are an extra: spans as OTLP over HTTP.

Only the data classes of the SDK are used and the exporter, which is called with ended spans. The
SDK's own tracer would choose the ids, and its processor owns a thread that outlives an interrupted
end.
"""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from ..errors import ConfigError, Fault, shortened, text_of
from .span import Send, Span

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

# Of one request, with its retries.
_TIMEOUT_SECONDS: Final = 5.0
_MAX_REASON_CHARACTERS: Final = 512


@contextmanager
def open_collector(endpoint: str, headers: Mapping[str, str], service_name: str) -> Iterator[Send]:
    """Return what sends spans to a collector, as long as the block lasts.

    Args:
        endpoint: the URL.
        headers: of every request. They are secrets.
        service_name: names the server in its traces.

    Raises:
        ConfigError: the libraries are not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ImportError as error:
        needs = "needs the extra `otel`: pip install 'millrace-runtime[otel]'"
        raise ConfigError([Fault("runtime.toml: tracing.endpoint", needs)]) from error

    encode = _Encoder(service_name)
    exporter = OTLPSpanExporter(endpoint=endpoint, headers=headers, timeout=_TIMEOUT_SECONDS)
    reasons = _Reasons(logging.getLogger(OTLPSpanExporter.__module__))

    def send(spans: Sequence[Span]) -> str:
        with reasons.of_this_thread() as said:
            try:
                result = exporter.export([encode(span) for span in spans])
            except Exception as error:  # noqa: BLE001 (a trace never ends a session)
                said.append(f"{type(error).__name__}: {text_of(error)}")
                result = SpanExportResult.FAILURE
        if result is SpanExportResult.SUCCESS:
            return ""
        return shortened(said[0] if said else "the collector refused them", _MAX_REASON_CHARACTERS)

    try:
        yield send
    finally:
        reasons.close()
        exporter.shutdown()  # interrupts a thread that waits for its next attempt


class _Reasons(logging.Filter):
    """Takes what the library logs in our threads, each time that it fails: we log it once a minute.

    Another exporter of the application keeps its log.

    Args:
        library_log: where the library logs.
    """

    def __init__(self, library_log: logging.Logger) -> None:
        super().__init__()
        self._library_log = library_log
        self._said: dict[int, list[str]] = {}
        self._is_closed = False
        library_log.addFilter(self)

    def close(self) -> None:
        """Leave the library's log, when a thread that nobody waits for has ended too."""
        self._is_closed = True
        if not self._said:
            self._library_log.removeFilter(self)

    @contextmanager
    def of_this_thread(self) -> Iterator[list[str]]:
        """Collect the texts that this thread logs in the block."""
        said: list[str] = []
        self._said[threading.get_ident()] = said
        try:
            yield said
        finally:
            del self._said[threading.get_ident()]
            if self._is_closed:
                self.close()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is another exporter's."""
        said = self._said.get(threading.get_ident())
        if said is None:
            return True
        said.append(record.getMessage())
        return False


class _Encoder:
    """Turns spans into those of the SDK, in the thread that sends them."""

    def __init__(self, service_name: str) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        own_version = version("millrace-runtime")
        self._resource = Resource({"service.name": service_name, "service.version": own_version})
        self._scope = InstrumentationScope("millrace", own_version)

    def __call__(self, span: Span) -> "ReadableSpan":
        """Return a span of the SDK."""
        from opentelemetry import trace
        from opentelemetry.sdk.trace import Event, ReadableSpan

        sampled = trace.TraceFlags(trace.TraceFlags.SAMPLED)
        parent = None
        if span.parent_id:
            parent = trace.SpanContext(
                span.trace_id, span.parent_id, span.is_parent_remote, sampled
            )
        events, status = [], trace.Status(trace.StatusCode.UNSET)
        if span.error is not None:
            status = trace.Status(trace.StatusCode.ERROR, span.error.message)
            attributes = {
                "exception.type": span.error.exception_type,
                "exception.message": span.error.message,
                "exception.stacktrace": span.error.stack_trace,
            }
            events.append(Event("exception", attributes, span.end_ns))
        return ReadableSpan(
            span.name,
            context=trace.SpanContext(span.trace_id, span.span_id, False, sampled),
            parent=parent,
            resource=self._resource,
            attributes=dict(span.attributes),
            events=events,
            kind=trace.SpanKind.SERVER if span.is_served else trace.SpanKind.INTERNAL,
            status=status,
            start_time=span.start_ns,
            end_time=span.end_ns,
            instrumentation_scope=self._scope,
        )
