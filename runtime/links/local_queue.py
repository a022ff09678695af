"""A link's end inside one process: a bounded queue of references."""

from collections import deque
from collections.abc import Callable
from typing import Final

import trio

from actors.data import weight_bytes

from .item import Item
from .statistics import LinkStatistics

# trio runs what is ready in any order: only with the second turn is it sure that all others have
# run. A reader that gives another link's reader its turn needs some more before it takes.
_TURNS: Final = 6


class LocalQueue:
    """Where one producer puts items for one reader of the same process.

    Bounded in items and in bytes, because a reader that falls behind must slow its producer down
    and not fill the memory. One item always fits, whatever it weighs.

    Attributes:
        source: the id of the producer; empty for the session's inlet.
        reader: the id of the reader; empty for the session.
        statistics: of both ends.
        closed: whether the producer has ended its stream.
    """

    def __init__(
        self,
        arrived: Callable[["LocalQueue"], None],
        *,
        source: str,
        capacity: int,
        capacity_bytes: int,
        drop_oldest: bool,
        reader: str = "",
    ) -> None:
        self.source = source
        self.reader = reader
        self.statistics = LinkStatistics()
        self.closed = False
        self._arrived = arrived
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._drop_oldest = drop_oldest
        self._waiting: deque[tuple[Item, int]] = deque()
        self._waiting_bytes = 0
        self._dropped_in_row = 0  # since the reader took an item
        self._senders = trio.lowlevel.ParkingLot()

    def __len__(self) -> int:
        """Return how many items wait."""
        return len(self._waiting)

    def try_send(self, item: Item) -> bool:
        """Hand `item` over if the queue has room; return whether it was handed over."""
        if item.to and item.to != self.reader:
            self.statistics.items += 1  # as taken at once
            return True
        weight = weight_bytes(item.data)
        if self._senders or self._is_full(weight):
            return False
        self._put(item, weight)
        self._arrived(self)
        return True

    async def send(self, item: Item) -> None:
        """Hand `item` over; wait while the queue is full, or drop the oldest if so configured."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if item.to and item.to != self.reader:
            self.statistics.items += 1  # as taken at once
            return
        weight = weight_bytes(item.data)
        has_place = False
        if self._drop_oldest:
            await self._give_turn(weight)
            while self._is_full(weight):
                _, dropped_bytes = self._waiting.popleft()
                self._waiting_bytes -= dropped_bytes
                self.statistics.dropped += 1
                self._dropped_in_row += 1
                has_place = True  # in the order of arrival: the dropped item's
        else:
            while self._is_full(weight) or self._senders:
                await self._senders.park()
                if not self._is_full(weight):
                    break
        self._put(item, weight)
        if not has_place:
            self._arrived(self)

    def take(self) -> Item | None:
        """Return the oldest item, or None if there is none."""
        if not self._waiting:
            return None
        item, weight = self._waiting.popleft()
        self._waiting_bytes -= weight
        self._dropped_in_row = 0
        if self._senders:
            self._senders.unpark()
        return item

    def clear(self) -> None:
        """Drop the items that wait, at the end of the session: they may hold shared memory."""
        self._waiting.clear()
        self._waiting_bytes = 0

    def close(self) -> None:
        """End the stream; what waits can still be taken."""
        if not self.closed:
            self.closed = True
            self._arrived(self)

    async def _give_turn(self, weight: int) -> None:
        """Give a reader that keeps up the time to make room, and others their turn.

        A reader that had it and took nothing does not get it again for every item: that would slow
        the producer down, at the cost of its other readers.
        """
        if self._dropped_in_row:
            if self._dropped_in_row % self._capacity == 0:
                await trio.lowlevel.checkpoint()
            return
        for _ in range(_TURNS):
            if not self._is_full(weight):
                return
            await trio.lowlevel.checkpoint()

    def _put(self, item: Item, weight: int) -> None:
        self._waiting.append((item, weight))
        self._waiting_bytes += weight
        counters = self.statistics
        counters.items += 1
        counters.payload_bytes += weight

    def _is_full(self, weight: int) -> bool:
        return len(self._waiting) >= self._capacity or (
            bool(self._waiting) and self._waiting_bytes + weight > self._capacity_bytes
        )
