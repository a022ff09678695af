"""Everything that one producer's items go to."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from actors import Array

from .item import Item
from .local_queue import LocalQueue
from .statistics import LinkStatistics


class Writer(Protocol):
    """The producing end of a link to other processes."""

    statistics: LinkStatistics

    @property
    def is_lending(self) -> bool:
        """Whether readers may view what this process has received, and holds for them."""

    def loan(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array | None:
        """Return memory of the link's own for a payload; None if it has none to give."""

    def try_send(self, item: Item) -> bool:
        """Pass `item` on if that takes no waiting; return whether it was passed."""

    async def send(self, item: Item) -> None:
        """Pass `item` on."""

    async def end(self) -> None:
        """End the stream."""

    def close(self) -> None:
        """Let go of everything."""


class Output:
    """Where a node's items go: to readers in this process by reference, to all others at once."""

    def __init__(self, ports: Sequence[LocalQueue] = (), writers: Sequence[Writer] = ()) -> None:
        self._queues = ports
        self._writers = writers
        ends: tuple[LocalQueue | Writer, ...] = (*ports, *writers)
        self._ends = ends
        self._sole_end = ends[0] if len(ends) == 1 else None

    @property
    def is_lending(self) -> bool:
        """Whether readers may view what this process has received, and holds for them."""
        return any(writer.is_lending for writer in self._writers)

    @property
    def sent_items(self) -> int:
        """How many items were sent; each end has all of them, unless one is just being sent."""
        return self._ends[0].statistics.items if self._ends else 0

    def loan(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return a writable array for a payload, where it will be read if that can be."""
        for writer in self._writers:
            array = writer.loan(shape, dtype)
            if array is not None:
                return array
        return np.empty(shape, dtype)

    def try_send(self, item: Item) -> bool:
        """Pass `item` to the reader or readers if that takes no waiting; return whether it was.

        Where there are several ends, any of them may have to wait: that is for `send`.

        Raises:
            PeerError: a reader is gone, or broken.
        """
        return self._sole_end is not None and self._sole_end.try_send(item)

    async def send(self, item: Item) -> None:
        """Pass `item` to every reader, waiting for the slowest.

        Raises:
            PeerError: a reader is gone, or broken.
        """
        for port in self._queues:
            await port.send(item)
        for writer in self._writers:
            await writer.send(item)

    async def end(self) -> None:
        """Tell every reader that the stream ends.

        Raises:
            PeerError: a reader is gone, or broken.
        """
        for port in self._queues:
            port.close()
        for writer in self._writers:
            await writer.end()

    def statistics(self) -> LinkStatistics:
        """Return what went out, each item counted once however many read it.

        Nothing of it is counted as dropped: each reader counts what it did not get.
        """
        ends = [end.statistics for end in self._ends]
        total = LinkStatistics()
        for end in ends:
            total.add(end)
        total.items = max((end.items for end in ends), default=0)
        total.dropped = 0
        return total

    def close(self) -> None:
        """Let go of doorbells and memory."""
        for writer in self._writers:
            writer.close()
