"""How an actor loop takes items: one, or a batch, with the time that it waited."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from actors import Batch, Control

from ..links import ControlLane, Inbox, Item, Notice
from .hop_observer import HopObserver
from .statistics import NodeStatistics
from .timed_inbox import ItemInbox

# To take an item that is there lasts up to 20 us, which is no wait.
_WAIT_SECONDS: Final = 50e-6


class ItemIntake:
    """The part of an actor loop that takes items.

    It is a base class, because a call of another object for every item would cost more.

    Attributes:
        statistics: count the waiting.

    A subclass that processes items without awaiting sets `_direct_inbox` and `_run_in_context`:
    then a sender of this process may have an item processed before it goes on, see `DirectRun`.
    """

    statistics: NodeStatistics
    _inbox: ItemInbox
    _lane: ControlLane
    _observer: HopObserver | None
    _held_back: Item | None
    _waited_seconds: float
    _wait_began = 0.0
    _has_ended = False
    _direct_inbox: Inbox | None = None
    _run_in_context: Callable[..., Awaitable[None] | None]
    _rest: Awaitable[None] | None = None

    def _process_directly(self, item: Item) -> Awaitable[None] | None:
        raise NotImplementedError

    def _try_receive(self) -> Item | None:
        if self._held_back is not None:
            item, self._held_back = self._held_back, None
            return item
        began = time.perf_counter()
        came = self._inbox.try_receive()
        seconds = time.perf_counter() - began
        self.statistics.waiting_seconds += seconds
        if came is None:
            self._waited_seconds = seconds  # for the item that `_receive` returns
        elif seconds >= _WAIT_SECONDS:
            self.statistics.waiting.add(seconds)
        return came

    async def _receive(self) -> Item | None:
        """Return the next item; None at the end of all streams, and if a step left something."""
        self._wait_began = time.perf_counter()
        came = None
        try:
            if self._direct_inbox is None:
                came = await self._inbox.receive()
            else:
                came = await self._direct_inbox.receive_or_step(self._step)
        except trio.EndOfChannel:
            self._has_ended = True
        finally:
            seconds = time.perf_counter() - self._wait_began
            self.statistics.waiting_seconds += seconds
            waited, self._waited_seconds = seconds + self._waited_seconds, 0.0
            if came is not None and waited >= _WAIT_SECONDS:
                self.statistics.waiting.add(waited)
        return came

    def _step(self) -> bool:
        """Process an item on the task of its sender; return whether nothing is left to this one."""
        item = self._inbox.take()
        if item is None:
            return False  # the end of a stream
        seconds = time.perf_counter() - self._wait_began + self._waited_seconds
        self._waited_seconds = 0.0
        statistics = self.statistics
        statistics.waiting_seconds += seconds
        if seconds >= _WAIT_SECONDS:
            statistics.waiting.add(seconds)
        if isinstance(item.data, Control) or not self._lane.is_idle:
            self._held_back = item
        else:
            self._rest = self._run_in_context(self._process_directly, item)
        self._wait_began = time.perf_counter()
        return self._rest is None and self._held_back is None

    async def _collect_batch(self, first: Item, batch: Batch | None) -> list[Item]:
        """Return the items of one call: one, or as many as the actor wants and as come in time."""
        items = [first]
        if batch is None:
            return items
        self._note_taken(first)
        with trio.move_on_after(batch.seconds):
            while len(items) < batch.items:
                item = await self._receive()
                if item is None:
                    break
                if isinstance(item.data, Control):
                    self._held_back = item  # its turn is after the batch
                    break
                self._note_taken(item)
                items.append(item)
        wanted = [item for item in items if not self._is_cancelled(item)]
        self.statistics.items_in += len(items) - len(wanted)
        self.statistics.cancelled += len(items) - len(wanted)
        return wanted

    def _is_cancelled(self, item: Item) -> bool:
        if self._lane.drops(item.timestamp_ms, item.source):
            return True
        # The notice of a control message may be slower than the message itself.
        held = self._held_back
        return (
            held is not None
            and isinstance(held.data, Control)
            and held.source == item.source
            and Notice.of(held.data, "").covers(item.timestamp_ms)
        )

    def _note_taken(self, item: Item) -> None:
        if self._observer is not None:
            self._observer.take(item)
