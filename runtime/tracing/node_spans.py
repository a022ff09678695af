"""What a node records of its calls: plain values, which need no library of OpenTelemetry.

A node process sends them to the server. It gives neither trace nor parent nor node: the server adds
those, so that a process can write into the trace of its own session only.
"""

import secrets
from typing import Annotated, Final

import msgspec

from ..errors import HookError, MillraceError, encodable, shortened

# A traceback is for a person; a collector may refuse spans that are much longer.
_MAX_TRACE_CHARACTERS: Final = 16 * 1024
_MAX_MESSAGE_CHARACTERS: Final = 4 * 1024

Nanoseconds = Annotated[int, msgspec.Meta(ge=0)]
SpanId = Annotated[bytes, msgspec.Meta(min_length=8, max_length=8)]
ShortText = Annotated[str, msgspec.Meta(max_length=64)]


class TraceSpec(msgspec.Struct, frozen=True):
    """What a node knows of its session's trace.

    Attributes:
        trace_id: of the session, as 32 hexadecimal digits.
        span_id: of the session's own span, as 16 hexadecimal digits.
        item_interval: items whose sequence is a multiple of it are traced; 0: none.
    """

    trace_id: str
    span_id: str
    item_interval: int

    def samples(self, sequence: int, entered_ns: int) -> bool:
        """Return whether the items that came of a chunk are traced: every node decides the same.

        Args:
            sequence: of the chunk.
            entered_ns: when it entered the session; 0 for an item that comes of no chunk.
        """
        interval = self.item_interval
        return interval > 0 and sequence % interval == 0 and entered_ns > 0


class SpanError(msgspec.Struct, frozen=True):
    """The exception that ended a span, as the attributes of an exception event have it."""

    exception_type: Annotated[str, msgspec.Meta(max_length=1024)]
    message: Annotated[str, msgspec.Meta(max_length=_MAX_MESSAGE_CHARACTERS)]
    stack_trace: Annotated[str, msgspec.Meta(max_length=_MAX_TRACE_CHARACTERS)] = ""

    @classmethod
    def of(cls, error: MillraceError) -> "SpanError":
        """Return the error of a node, as the exception that its actor raised."""
        kind, text = type(error).__name__, str(error)
        if isinstance(error, HookError):
            kind, text = error.exception_type, error.detail
        return cls(
            encodable(shortened(kind, 256)),
            _bounded(text, _MAX_MESSAGE_CHARACTERS),
            _bounded(error.stack_trace, _MAX_TRACE_CHARACTERS),
        )


class NodeSpan(msgspec.Struct, frozen=True):
    """A call of a node that has ended. Times are of the monotonic clock, in nanoseconds.

    Attributes:
        hook: "load", "initialize", "process", "flush" or "cleanup".
        span_id: unique.
        sequence: of the chunk that the item came from, in a span of an item; otherwise None.
        entered_ns: when that chunk entered the session.
        items: that the call processed together.
        outputs: items that it emitted.
        busy_ns: time in the actor's own code; the rest is waiting for readers.
        is_interrupted: whether it was cancelled.
        error: the exception that it raised.
    """

    hook: ShortText
    span_id: SpanId
    start_ns: Nanoseconds
    end_ns: Nanoseconds
    sequence: Annotated[int, msgspec.Meta(ge=0)] | None = None
    entered_ns: Nanoseconds = 0
    items: Annotated[int, msgspec.Meta(ge=0)] = 0
    outputs: Annotated[int, msgspec.Meta(ge=0)] = 0
    busy_ns: Nanoseconds = 0
    is_interrupted: bool = False
    error: SpanError | None = None


def new_span_id() -> bytes:
    """Return a random id. Forked processes would share a seeded generator's state."""
    return secrets.token_bytes(8)


def _bounded(text: str, most: int) -> str:
    # An escaped surrogate is longer than the surrogate was.
    return shortened(encodable(text), most)
