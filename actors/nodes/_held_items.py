"""Items that a node holds, in the order of their timestamps."""

from collections import deque
from collections.abc import Callable
from typing import Final, final

from ..data import CancelSpeculation, Control, Data, weight_bytes

HeldItem = tuple[int, Data]
"""An item and its timestamp, in milliseconds."""

MOST_HELD_BYTES: Final = 256 * 2**20
"""What one node may hold. Such a node runs in the server's process: a client that makes it hold
large items must not take the memory of everybody."""


@final
class HeldItems(deque[HeldItem]):
    """Items that wait, and what they weigh.

    Attributes:
        held_bytes: of all items together.
    """

    def __init__(self) -> None:
        super().__init__()
        self.held_bytes = 0

    def append(self, held: HeldItem) -> None:
        """Add the newest item."""
        super().append(held)
        self.held_bytes += weight_bytes(held[1])

    def popleft(self) -> HeldItem:
        """Remove the oldest item, and return it."""
        held = super().popleft()
        self.held_bytes -= weight_bytes(held[1])
        return held

    def clear(self) -> None:
        """Remove all items."""
        super().clear()
        self.held_bytes = 0

    def keep(self, is_wanted: Callable[[int], bool]) -> None:
        """Remove the items whose timestamps are not wanted."""
        kept = [held for held in self if is_wanted(held[0])]
        self.clear()
        for held in kept:
            self.append(held)

    def drop_cancelled(self, control: Control) -> None:
        """Remove the items that a control message cancels."""
        span = control.message
        if isinstance(span, CancelSpeculation):
            self.keep(lambda ms: not span.from_timestamp <= ms <= span.to_timestamp)
