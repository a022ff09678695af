"""Batches: several items in one call."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Batch:
    """How an actor wants its items: several at once.

    `process` gets a list then, of 1 to `items` items. A batch is complete when it has that many,
    when `seconds` have passed since its first, when a control message comes, or at the end.

    >>> Batch(items=8, seconds=0.02).items
    8

    Attributes:
        items: the most in one batch, at least 1.
        seconds: how long the first item waits for others, at least 0.
    """

    items: int
    seconds: float

    def __post_init__(self) -> None:
        """Check."""
        if self.items < 1 or not self.seconds >= 0:
            raise ValueError(f"a batch needs items >= 1 and seconds >= 0, got {self}")
