"""An output with a timestamp of its own."""

from dataclasses import dataclass

from .data import Data


@dataclass(frozen=True, slots=True)
class Timestamped:
    """An item that a hook returns or yields, with its timestamp.

    Without it, an output has the timestamp of the item that it came from, and an item of a source
    the time since the source began.

    >>> from actors import Json
    >>> Timestamped(Json({"frame": 3}), timestamp_ms=100).timestamp_ms
    100

    Attributes:
        data: the item.
        timestamp_ms: in milliseconds, 0 to 2**64 - 1.
    """

    data: Data
    timestamp_ms: int

    def __post_init__(self) -> None:
        """Check the timestamp.

        Raises:
            ValueError: it is out of range.
        """
        if not 0 <= self.timestamp_ms < 2**64:
            raise ValueError(f"timestamp_ms must be from 0 to 2**64 - 1, got {self.timestamp_ms}")
