"""Traces: one trace per session, exported as OTLP (extra `otel`)."""

from .node_spans import NodeSpan, SpanError, TraceSpec, new_span_id
from .session_trace import SessionTrace
from .traceparent import ParentSpan, parse_traceparent, traceparent_of
from .tracer import Tracer, open_tracer

__all__ = [
    "NodeSpan",
    "ParentSpan",
    "SessionTrace",
    "SpanError",
    "TraceSpec",
    "Tracer",
    "new_span_id",
    "open_tracer",
    "parse_traceparent",
    "traceparent_of",
]
