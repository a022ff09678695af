"""What waits at the readers of a link that drops, and what must go before the next item."""

from collections import deque


class Overflow:
    """Keeps the bytes that wait at the slowest reader of a link within their bound.

    A reader's buffer keeps the newest `capacity` entries, whatever their size. To drop an item
    earlier, as many fillers are published as push it out: entries that stand for no item. Since
    every reader has the same newest entries, less what it has taken, fillers drop nothing at a
    reader that keeps up. Fillers take places of the buffer, until they are pushed out in turn.

    Args:
        capacity: entries of a reader's buffer.
        capacity_bytes: that may wait for each reader; one item always may.
    """

    def __init__(self, capacity: int, capacity_bytes: int) -> None:
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._entries: deque[tuple[int, int]] = deque()  # number and bytes; the oldest first
        self._bytes = 0

    def is_short_of(self, size: int) -> bool:
        """Return whether an item of `size` bytes is too much, beside all that may wait still."""
        return bool(self._entries) and self._bytes + size > self._capacity_bytes

    def add(self, number: int, size: int) -> None:
        """Add an item that was published, or a filler before it, of 0 bytes."""
        self._entries.append((number, size))
        self._bytes += size
        if len(self._entries) > self._capacity:
            self._bytes -= self._entries.popleft()[1]

    def forget(self, taken: int) -> None:
        """Forget the items before this number: every reader has taken them, or lost them."""
        while self._entries and self._entries[0][0] < taken:
            self._bytes -= self._entries.popleft()[1]

    def fillers_before(self, size: int, number: int) -> int:
        """Add as many fillers as make room for an item of `size` bytes; return their number.

        Args:
            size: of the item, in bytes.
            number: of the item.
        """
        excess = self._bytes + size - self._capacity_bytes
        evicted = 0
        for _, waiting in self._entries:
            if excess <= 0:
                break
            excess -= waiting
            evicted += 1
        if not evicted:
            return 0
        count = self._capacity - len(self._entries) + evicted - 1  # the item itself is the last
        for _ in range(count):
            self.add(number, 0)
        return count
