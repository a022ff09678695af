"""Everything that one producer's items go to."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import trio

from actors import Array

from .errors import PeerGoneError
from .item import Item
from .local_queue import LocalQueue
from .statistics import LinkStatistics


class Writer(Protocol):
    """The producing end of a link to other processes."""

    statistics: LinkStatistics

    @property
    def drops(self) -> bool:
        """Whether `pump` has to run beside the producer."""

    @property
    def has_backlog(self) -> bool:
        """Whether `pump` has something to do."""

    def loan(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array | None:
        """Return memory of the link's own for a payload; None if it has none to give."""

    def try_send(self, item: Item) -> bool:
        """Pass `item` on if that takes no waiting; return whether it was passed."""

    async def send(self, item: Item) -> None:
        """Pass `item` on."""

    async def pump(self) -> None:
        """Pass on what waits, until the stream is ended."""

    async def end(self) -> None:
        """End the stream."""

    def close(self) -> None:
        """Let go of everything."""


class Output:
    """Where a node's items go: to readers in this process by reference, to all others at once."""

    def __init__(self, ports: Sequence[LocalQueue] = (), writers: Sequence[Writer] = ()) -> None:
        self._queues = ports
        self._writers = writers
        self._pumped = [writer for writer in writers if writer.drops]
        ends: tuple[LocalQueue | Writer, ...] = (*ports, *writers)
        self._sole_end = ends[0] if len(ends) == 1 else None

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
            PeerGoneError: a reader is gone.
        """
        return self._sole_end is not None and self._sole_end.try_send(item)

    async def send(self, item: Item) -> None:
        """Pass `item` to every reader, waiting for the slowest.

        Raises:
            PeerGoneError: a reader is gone.
        """
        for port in self._queues:
            await port.send(item)
        for writer in self._writers:
            await writer.send(item)

    async def end(self) -> None:
        """Tell every reader that the stream ends.

        Raises:
            PeerGoneError: a reader is gone.
        """
        for port in self._queues:
            port.close()
        for writer in self._writers:
            await writer.end()

    def start_pumps(self, nursery: trio.Nursery) -> None:
        """Start what has to run beside the producer."""
        for writer in self._pumped:
            nursery.start_soon(_pump, writer)

    def is_idle(self) -> bool:
        """Return whether nothing that runs beside the producer has anything to do."""
        return not (self._pumped and any(writer.has_backlog for writer in self._pumped))

    def statistics(self) -> LinkStatistics:
        """Return what went out, each item counted once however many read it."""
        ends = [end.statistics for end in self._queues] + [end.statistics for end in self._writers]
        total = LinkStatistics()
        for end in ends:
            total.add(end)
        total.items = max((end.items for end in ends), default=0)
        return total

    def close(self) -> None:
        """Let go of doorbells and memory."""
        for writer in self._writers:
            writer.close()


async def _pump(writer: Writer) -> None:
    try:
        await writer.pump()
    except PeerGoneError:
        await trio.sleep_forever()  # the next `send` or `end` finds out, if it is still asked for
