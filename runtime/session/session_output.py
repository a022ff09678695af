"""The end of a session where results come out."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NoReturn

import trio

from actors import Control

from ..events import Result
from ..links import Inbox, Item, PeerError
from .control_hub import ControlHub
from .results import result_of

OnArrived = Callable[[Item, int, int, int], None]
"""Receives a result, its number among all of its sink, when the session's owner began to wait for
it, and when it had it: in nanoseconds of the monotonic clock."""

TakeResult = Callable[[Result], bool]
"""Takes a result at once, or returns False."""


class SessionOutput:
    """Returns the items of all sinks as results, without those that a control message cancelled.

    Args:
        outlet: where the items of all sinks arrive.
        controls: knows which items are cancelled.
        on_end: called at the end of the stream.
        on_peer_gone: called when a node is gone; it never returns.

    Attributes:
        awaited: set when the first result is awaited.
    """

    def __init__(
        self,
        outlet: Inbox,
        controls: ControlHub,
        *,
        on_end: Callable[[], Awaitable[None]],
        on_peer_gone: Callable[[PeerError], Awaitable[NoReturn]],
    ) -> None:
        self.awaited = trio.Event()
        self._outlet: Inbox | _TimedOutlet = outlet
        self._own_outlet = outlet
        self._result_of = result_of
        self._controls = controls
        self._on_end = on_end
        self._on_peer_gone = on_peer_gone
        self._receiving = False
        self._is_awaited = False
        self._left: Result | None = None

    async def receive(self, taken: TakeResult | None = None) -> Result:
        """Return the next result that `taken` does not take.

        Args:
            taken: see `Session.receive_unless`.

        Raises:
            trio.EndOfChannel: the stream has ended.
            trio.BusyResourceError: another task is receiving.
        """
        self._check_idle()
        self._receiving = True
        step = None if taken is None else partial(self._step, taken)
        try:
            while True:
                item = await self._outlet.receive_or_step(step)
                if item is None:
                    result, self._left = self._left, None
                    if result is not None:
                        return result
                elif self._controls.is_wanted(item):
                    return self._result_of(item)
        except trio.EndOfChannel:
            pass
        except PeerError as error:
            await self._on_peer_gone(error)  # noqa: ASYNC120 (it only ends by cancellation)
        finally:
            self._receiving = False
        await self._on_end()
        raise trio.EndOfChannel

    def _step(self, taken: TakeResult) -> bool:
        """Let `taken` have a result on the task that sent it; return whether it took it."""
        item = self._outlet.take()
        if item is None:
            return False  # the end of a stream
        if self._controls.is_wanted(item):
            result = self._result_of(item)
            if not taken(result):
                self._left = result
        return self._left is None

    def receive_nowait(self) -> Result:
        """Return a result that has arrived already.

        Raises:
            trio.WouldBlock: none has.
            trio.BusyResourceError: another task is receiving.
        """
        self._check_idle()
        try:
            while (item := self._outlet.take()) is not None:
                if self._controls.is_wanted(item):
                    return self._result_of(item)
        except PeerError:
            pass  # `receive` finds it again, and can wait for the session's end
        raise trio.WouldBlock

    def set_arrived(self, on_arrived: OnArrived | None) -> None:
        """Call `on_arrived` with every result; None stops that."""
        if on_arrived is None:
            self._outlet, self._result_of = self._own_outlet, result_of
        else:
            timed = _TimedOutlet(self._own_outlet, on_arrived)
            self._outlet, self._result_of = timed, timed.result_of

    def _check_idle(self) -> None:
        if self._receiving:
            raise trio.BusyResourceError("another task is receiving from this session")
        if not self._is_awaited:
            self._is_awaited = True
            self.awaited.set()


class _TimedOutlet:
    """Where results arrive that are followed."""

    def __init__(self, outlet: Inbox, on_arrived: OnArrived) -> None:
        self._outlet = outlet
        self._on_arrived = on_arrived
        self._asked_ns = 0

    async def receive_or_step(self, step: Callable[[], bool] | None) -> Item | None:
        self._asked_ns = time.monotonic_ns()
        return await self._outlet.receive_or_step(step)

    def take(self) -> Item | None:
        self._asked_ns = time.monotonic_ns()
        return self._outlet.take()

    def result_of(self, item: Item) -> Result:
        result = result_of(item)
        if item.entered_ns and not isinstance(item.data, Control):
            number = self._outlet.taken()[item.source] - 1
            end_ns = item.entered_ns + round(1e9 * result.latency_seconds)
            self._on_arrived(item, number, self._asked_ns, end_ns)
        return result
