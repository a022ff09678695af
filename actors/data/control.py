"""Control messages."""

from dataclasses import dataclass
from typing import ClassVar

from ..errors import DataError
from ..kinds import Kind
from ._base import Data, check_range, check_text


@dataclass(frozen=True, slots=True)
class CancelSpeculation:
    """Cancels the items between two timestamps, in milliseconds."""

    from_timestamp: int
    to_timestamp: int


@dataclass(frozen=True, slots=True)
class BatchHint:
    """Suggests to process this many items at once."""

    suggested_batch_size: int


@dataclass(frozen=True, slots=True)
class DeadlineWarning:
    """Asks for results within this many microseconds."""

    deadline_us: int


ControlMessage = CancelSpeculation | BatchHint | DeadlineWarning


@dataclass(frozen=True, slots=True, eq=False)
class Control(Data):
    """A control message.

    Attributes:
        message: its content; None if the sender left it out.
        segment_id: the part of the stream that it is about; empty for all of it.
        timestamp_ms: the time at which it was sent, in milliseconds.
        details: JSON text by convention; may be empty.
    """

    kind: ClassVar[Kind] = Kind.CONTROL

    message: ControlMessage | None
    segment_id: str = ""
    timestamp_ms: int = 0
    details: str = ""

    def __post_init__(self) -> None:
        """Check.

        Raises:
            DataError: an unknown message, an attribute that is not text, a number out of range.
        """
        super(Control, self).__post_init__()
        match self.message:
            case None:
                pass
            case CancelSpeculation(start, end):
                check_range("from_timestamp (ms)", start, 0, 2**64 - 1)
                check_range("to_timestamp (ms)", end, 0, 2**64 - 1)
            case BatchHint(size):
                check_range("suggested_batch_size", size, 0, 2**32 - 1)
            case DeadlineWarning(deadline):
                check_range("deadline_us", deadline, 0, 2**64 - 1)
            case other:
                raise DataError(
                    "a control message must be CancelSpeculation, BatchHint, DeadlineWarning or "
                    f"None, got {type(other).__name__}"
                )
        check_range("timestamp_ms", self.timestamp_ms, 0, 2**64 - 1)
        check_text("segment_id", self.segment_id)
        check_text("details", self.details)
