"""Batches: several items in one call of `process`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Batch:
    """The size and the waiting time of the batches of an actor.

    `process` gets a list of 1 to `items` items. A batch is complete when it has that many, when
    `seconds` have passed since its first item, when a control message arrives, or at the end of the
    stream.

    >>> Batch(items=8, seconds=0.02).items
    8

    Attributes:
        items: the largest number in one batch, at least 1.
        seconds: the time that the first item waits for others, at least 0.
    """

    items: int
    seconds: float

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: one is out of range.
        """
        if self.items < 1 or not self.seconds >= 0:
            raise ValueError(f"a batch needs items >= 1 and seconds >= 0, got {self}")
