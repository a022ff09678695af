"""Results of a recognizer before an utterance has ended, and why one gives no text."""

from ..context import Context
from ..data import CancelSpeculation, Control
from ..params import Field, Params


class PartialParams(Params):
    """Whether a recognizer gives partial results."""

    partial: bool = Field(
        False,
        description="also give the words so far of an utterance that goes on, marked partial",
    )
    partial_ms: int = Field(
        300, ge=50, le=60_000, description="ms of audio between two partial results"
    )


class CancelledSpan:
    """The timestamps of the chunks of an open utterance, as a barge-in names them."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._last = 0

    def add(self, timestamp_ms: int, *, is_first: bool) -> None:
        """Take the timestamp of a chunk of the utterance."""
        if is_first or self._first is None:
            self._first = timestamp_ms
        self._last = timestamp_ms

    def is_cancelled_by(self, control: Control) -> bool:
        """Return whether a control message cancels every chunk of the utterance."""
        match control.message:
            case CancelSpeculation(start, end) if self._first is not None:
                return start <= self._first and self._last <= end
        return False


def log_no_text(context: Context, reason: str, *, start_ms: int, seconds: float) -> None:
    """Log that speech gives no text.

    Args:
        context: of the recognizer.
        reason: for people.
        start_ms: where the speech starts in the stream.
        seconds: how long it lasts.
    """
    context.log.info(
        "speech without text: %s",
        reason,
        extra={"reason": reason, "start_ms": start_ms, "seconds": round(seconds, 2)},
    )
