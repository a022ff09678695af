"""Where a node waits for whatever comes next, over any of its links."""

import select
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Protocol

import trio

from .direct_run import DirectRun
from .item import Item
from .local_queue import LocalQueue
from .statistics import LinkStatistics
from .stepped_wait import Step, SteppedWait
from .waiting import TrioWaiting, Waiting

# A receiver that always finds an item still lets others run this often.
_SLICE_SECONDS = 0.0002


class Reader(Protocol):
    """The reading end of a link that comes from another process."""

    statistics: LinkStatistics

    @property
    def source(self) -> str:
        """The id of the producer; empty for the session's inlet."""

    @property
    def ended(self) -> bool:
        """Whether the stream has ended and everything was taken."""

    def take(self) -> Item | None:
        """Return the next item if it is here.

        Raises:
            PeerFaultError: the other end is broken.
        """

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when something arrives."""

    def before_wait(self) -> None:
        """Answer what the other end has asked, since nothing will be taken for a while."""

    def after_wait(self) -> None:
        """Take note of what the descriptor has to say.

        Raises:
            PeerGoneError: the other end vanished.
            PeerFaultError: it is broken.
        """

    def close(self) -> None:
        """Let go of everything."""


class Inbox:
    """All incoming links of one node, read by one task.

    Items of one link keep their order; links take turns. Waiting is one wait: for a task of this
    process, for a descriptor, or for whichever comes first.

    Args:
        waiting: how it waits for a descriptor; by default as trio does.
        direct: of the session, if senders of this process may let the reader run at once.
    """

    def __init__(self, waiting: Waiting | None = None, direct: DirectRun | None = None) -> None:
        self._waiting = TrioWaiting() if waiting is None else waiting
        self._direct = direct
        self._wait_task = SteppedWait()
        self._queues: list[LocalQueue] = []
        self._order: deque[LocalQueue] = deque()
        self._readers: list[Reader] = []
        self._open_readers: deque[Reader] = deque()
        self._epoll: select.epoll | None = None
        self._wake: Callable[[], None] | None = None
        self._local_turn = False
        self._is_rung = False
        self._slice_end = 0.0

    def open_queue(
        self,
        *,
        capacity: int,
        capacity_bytes: int,
        drop_oldest: bool,
        source: str = "",
        reader: str = "",
    ) -> LocalQueue:
        """Return a new end for a producer of this process, which `source` names."""
        port = LocalQueue(
            self._on_arrival,
            source=source,
            capacity=capacity,
            capacity_bytes=capacity_bytes,
            drop_oldest=drop_oldest,
            reader=reader,
        )
        self._queues.append(port)
        return port

    def add_reader(self, reader: Reader) -> None:
        """Take in a link from another process. The inbox closes it."""
        self._readers.append(reader)
        self._open_readers.append(reader)
        if len(self._readers) > 1:
            if self._epoll is None:
                self._epoll = select.epoll()
                self._epoll.register(self._readers[0].fileno(), select.EPOLLIN)
            self._epoll.register(reader.fileno(), select.EPOLLIN)

    @property
    def ended(self) -> bool:
        """Whether every link's stream has ended and everything was taken."""
        return not self._order and not self._open_readers and all(p.closed for p in self._queues)

    async def receive(self) -> Item:
        """Return the next item of any link.

        Raises:
            trio.EndOfChannel: every link's stream has ended.
            PeerError: another end vanished, or is broken.
        """
        item = await self.receive_or_step(None)
        assert item is not None
        return item

    async def receive_or_step(self, step: Step | None) -> Item | None:
        """Return the next item, or None if `step` took one, and has left something to this task.

        Args:
            step: while this waits, takes each item that a sender of this process lets it take.

        Raises:
            trio.EndOfChannel: every link's stream has ended.
            PeerError: another end vanished, or is broken.
            Exception: `step` raised it.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if time.perf_counter() > self._slice_end:
            await trio.lowlevel.checkpoint()
            self._slice_end = time.perf_counter() + _SLICE_SECONDS
        item = self._take_after_ring()
        while item is None:
            if self.ended:
                raise trio.EndOfChannel
            if await self._wait(step):
                return None
            self._slice_end = time.perf_counter() + _SLICE_SECONDS
            item = self.take() or self._take_after_ring()
        return item

    def try_receive(self) -> Item | None:
        """Return the next item without a turn of trio's scheduler; None if `receive` must do it.

        That is where there is no item, or others should have a turn first. In a process that has
        nothing else to do, this blocks until there is one.

        Raises:
            PeerError: another end vanished, or is broken.
        """
        if time.perf_counter() > self._slice_end:
            if not self._waiting.can_continue():
                return None
            self._slice_end = time.perf_counter() + _SLICE_SECONDS
        item = self._take_after_ring()
        if item is None and self._open_readers and not self._queues:
            self._answer()
            if self._waiting.block(self._descriptor()):
                self._is_rung = True
                item = self.take()
        return item

    def _take_after_ring(self) -> Item | None:
        """Return an item that is here already, or None; what rang before is heard first."""
        if self._is_rung:
            # It is not heard when it wakes, but now: what it woke for was more urgent.
            self._is_rung = False
            for reader in self._ready_readers():
                reader.after_wait()
        return self.take()

    def take(self) -> Item | None:
        """Return an item that is here already, or None.

        Raises:
            PeerFaultError: another end is broken.
        """
        if not self._queues:
            return self._take_remote()
        if not self._readers:
            return self._take_local()
        self._local_turn = not self._local_turn
        if self._local_turn:
            return self._take_local() or self._take_remote()
        return self._take_remote() or self._take_local()

    def waiting(self) -> int:
        """Return how many items of this process's own links wait here."""
        return sum(len(port) for port in self._queues)

    def taken(self) -> dict[str, int]:
        """Return how many items were taken from each producer, or dropped before that."""
        taken = {port.source: port.statistics.items - len(port) for port in self._queues}
        for reader in self._readers:
            statistics = reader.statistics
            passed = statistics.items + statistics.dropped
            taken[reader.source] = taken.get(reader.source, 0) + passed
        return taken

    def statistics(self) -> LinkStatistics:
        """Return what came in over all links."""
        total = LinkStatistics()
        for end in self._ends():
            total.add(end.statistics)
        return total

    def statistics_by_source(self) -> dict[str, LinkStatistics]:
        """Return what came in over each link, by its producer."""
        totals: dict[str, LinkStatistics] = {}
        for end in self._ends():
            totals.setdefault(end.source, LinkStatistics()).add(end.statistics)
        return totals

    def close(self) -> None:
        """Close every link that comes from another process."""
        if self._epoll is not None:
            self._epoll.close()
            self._epoll = None
        self._open_readers.clear()
        for reader in self._readers:
            reader.close()
        self._order.clear()
        for queue in self._queues:
            queue.clear()

    def _ends(self) -> Sequence[LocalQueue | Reader]:
        return [*self._queues, *self._readers]

    def _take_local(self) -> Item | None:
        while self._order:
            # A place may have lost its item, if the link drops, or stand for the end of a stream.
            item = self._order.popleft().take()
            if item is not None:
                return item
        return None

    def _take_remote(self) -> Item | None:
        readers = self._open_readers
        for _ in range(len(readers)):
            reader = readers[0]
            item = reader.take()
            readers.rotate(-1)
            if item is not None:
                return item
            if reader.ended:
                self._drop_reader(reader)
        return None

    def _on_arrival(self, port: LocalQueue) -> None:
        self._order.append(port)
        if self._wait_task.step is None or self._direct is None or not self._direct.offer(self):
            self.wake()

    def wake(self) -> None:
        """Wake the task that waits, if one does."""
        self._wait_task.wake()
        if self._wake is not None:
            wake, self._wake = self._wake, None
            wake()

    def run_step(self) -> None:
        """Let the step of the task that waits take one item; wake the task for what is left."""
        if self._wait_task.run_step() and self._order:
            self._wait_task.wake()

    def _drop_reader(self, reader: Reader) -> None:
        self._open_readers.remove(reader)
        if self._epoll is not None:
            with suppress(FileNotFoundError):
                self._epoll.unregister(reader.fileno())

    async def _wait(self, step: Step | None) -> bool:
        """Wait for something to arrive; return whether `step` has left something to this task."""
        if not self._open_readers:
            return await self._wait_task.wait(step)
        self._answer()
        if all(port.closed for port in self._queues):
            await self._wait_for_descriptor()
        else:
            with trio.CancelScope() as scope:
                self._wake = scope.cancel
                try:
                    await self._wait_for_descriptor()
                finally:
                    self._wake = None
            if scope.cancelled_caught:
                return False
        self._is_rung = True
        return False

    async def _wait_for_descriptor(self) -> None:
        await self._waiting.readable(self._descriptor())

    def _descriptor(self) -> int:
        """Return what becomes readable when any reader's bell rings."""
        return self._open_readers[0].fileno() if self._epoll is None else self._epoll.fileno()

    def _answer(self) -> None:
        for reader in self._open_readers:
            reader.before_wait()

    def _ready_readers(self) -> Iterable[Reader]:
        if self._epoll is None:
            return self._open_readers
        ready = {descriptor for descriptor, _ in self._epoll.poll(0)}
        return [reader for reader in self._open_readers if reader.fileno() in ready]
