"""A span on its way to the collector."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .node_spans import SpanError

AttributeValue = str | bool | int | float


@dataclass(frozen=True, slots=True)
class Span:
    """A span that has ended. Times are in nanoseconds since 1970.

    Attributes:
        parent_id: of the same trace; 0 for none.
        is_parent_remote: whether the parent is a span of the client.
        is_served: whether it is the work for a client's call.
        error: what it ended with.
    """

    name: str
    trace_id: int
    span_id: int
    parent_id: int
    start_ns: int
    end_ns: int
    attributes: Mapping[str, AttributeValue]
    error: SpanError | None = None
    is_parent_remote: bool = False
    is_served: bool = False


Send = Callable[[Sequence[Span]], str]
"""Sends spans to the collector, from a worker thread; returns why it could not, or ""."""
