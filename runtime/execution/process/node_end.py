"""The end in the node process of its control from the server, over the control socket."""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
import trio

from actors import Kind

from ...latency import Hop
from ...links import Item
from ...links.shared import item_bytes, item_of_bytes
from ..actor_loop import ActorLoop
from ..node_control import NodeState
from .control_messages import (
    BarrierReached,
    CancelCall,
    ControlApplied,
    ControlFromNode,
    ControlToNode,
    ExportedState,
    InterceptAnswer,
    InterceptQuestion,
    OutputsWaiting,
    SetExport,
    SetHops,
    SetImport,
    SetIntercept,
    SetState,
    SetTap,
    TappedItem,
)
from .tap_memory import TapWriter

# What may wait to be sent to the server for a tap: a few large video frames, or many small items.
# What does not fit is counted; the node never waits for a tap.
_MOST_TAPPED_ITEMS: Final = 256
_MOST_TAPPED_BYTES: Final = 32 * 1024 * 1024
# Larger copies would soon fill the memory of the tap; what a message costs is little beside them.
_MOST_SHARED_BYTES: Final = 128 * 1024


def _ignore(_state: bytes) -> None:
    """Do nothing: the state is sent to the server."""


class NodeEnd:
    """The end in the node process: carries out what the server sends, and sends it the outputs."""

    def __init__(
        self,
        loop: ActorLoop,
        node_id: str,
        send: Callable[[ControlFromNode], Awaitable[None]],
        send_now: Callable[[ControlFromNode], bool],
        tap_memory: memoryview,
        record_hop: Callable[[Hop], None],
    ) -> None:
        """Create the end.

        Args:
            loop: the node's.
            node_id: the node's id.
            send: sends a message to the server, in order.
            send_now: sends a message at once, or returns False.
            tap_memory: shared with the server, see `tap_memory`.
            record_hop: sends a hop to the server.
        """
        self._loop = loop
        self._record_hop = record_hop
        self._node_id = node_id
        self._send = send
        self._send_now = send_now
        self._memory = TapWriter(tap_memory)
        self._delay_ns = 0
        self._rung_ns = 0
        self._rung_taken = -1
        self._bell: OutputsWaiting | None = None
        self._queued = 0  # for the control socket, in all
        self._tapped: deque[TappedItem] = deque()
        self._tapped_bytes = 0
        self._is_sending_tapped = False
        self._missed = 0
        self._came = trio.Event()
        self._turn = trio.Lock()
        self._questions = 0
        self._answers: dict[int, InterceptAnswer | None] = {}
        self._answered: dict[int, trio.Event] = {}
        loop.control.report_barrier = self._report_barrier
        loop.control.send_state = self._send_state

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._tapped and self._bell is None

    async def apply(self, message: ControlToNode) -> None:
        """Carry out a message of the server, and acknowledge it."""
        missed = 0
        if isinstance(message, SetTap):
            while self._tapped:  # they are for the tap before
                await self._send_oldest()
            missed = self.take_missed()
        self._apply(message)
        if not isinstance(message, InterceptAnswer):
            await self._send(ControlApplied(self._memory.written, missed))

    def _apply(self, message: ControlToNode) -> None:
        match message:
            case SetState(state, bypass_kinds):
                self._loop.control.set_state(NodeState(state), frozenset(map(Kind, bypass_kinds)))
            case SetTap(active, delay_seconds):
                self._delay_ns = round(delay_seconds * 1e9)
                self._rung_ns = 0
                self._loop.control.set_tap(self._tap if active else None)
            case SetIntercept(active):
                self._loop.control.set_intercept(self._ask if active else None)
                if not active:
                    self._pass_all()
            case SetHops(interval):
                self._loop.control.set_hops(self._record_hops if interval else None, interval)
            case SetExport(most_bytes):
                self._loop.control.set_export(_ignore, most_bytes)
            case SetImport(state):
                self._loop.control.set_import(state)
            case InterceptAnswer(number):
                if number in self._answered:
                    self._answers[number] = message
                    self._answered[number].set()
            case CancelCall():
                self._loop.control.cancel_call()

    def _record_hops(self, hops: Sequence[Hop]) -> None:
        for hop in hops:
            self._record_hop(hop)

    async def flush(self, seconds: float) -> None:
        """Send what the tap has copied so far, as far as that takes no longer than `seconds`."""
        with trio.move_on_after(seconds):
            while not self.is_idle:
                await self._send_oldest()

    def take_missed(self) -> int:
        """Forget the outputs that no copy tells of or that are not sent; return their number."""
        missed, self._missed = self._missed, 0
        for _ in range(len(self._tapped) - self._is_sending_tapped):
            unsent = self._tapped.pop()
            self._tapped_bytes -= len(unsent.copy)
            missed += 1 + unsent.missed
        return missed

    async def send_tapped(self) -> None:
        """Send what the tap has copied, for ever."""
        while True:
            while self.is_idle:
                self._came = trio.Event()
                await self._came.wait()
            await self._send_oldest()

    async def _send_oldest(self) -> None:
        async with self._turn:
            if self._bell is not None:
                with trio.CancelScope(shield=True):
                    await self._send(self._bell)
                self._bell = None
            elif self._tapped:
                # It stays in the queue until it is sent: a loop that sees the queue empty may block
                # the thread, and this task with it.
                self._is_sending_tapped = True
                with trio.CancelScope(shield=True):  # half a message would garble the next one
                    await self._send(self._tapped[0])
                self._is_sending_tapped = False
                sent = self._tapped.popleft()
                self._tapped_bytes -= len(sent.copy)

    async def _report_barrier(self, number: int) -> None:
        await self._send(BarrierReached(number))

    async def _send_state(self, state: bytes) -> None:
        await self._send(ExportedState(state))

    def _tap(self, item: Item, _missed: int, time_ns: int) -> None:
        if len(self._tapped) >= _MOST_TAPPED_ITEMS or self._tapped_bytes >= _MOST_TAPPED_BYTES:
            self._missed += 1
            return
        copy = item_bytes(item)
        missed, self._missed = self._missed, 0
        if (
            self._delay_ns
            and not self._tapped
            and len(copy) <= _MOST_SHARED_BYTES
            and self._memory.write(copy, missed, time_ns, self._queued)
        ):
            self._ring()
            return
        self._tapped.append(TappedItem(copy, missed, time_ns, self._memory.written))
        self._tapped_bytes += len(copy)
        self._queued += 1
        self._came.set()

    def _ring(self) -> None:
        """Notify the server of outputs in the memory, unless it looks there anyway."""
        memory = self._memory
        # After the output was written: the server looks when this time and the delay are over.
        now = time.monotonic_ns()
        is_filling = memory.is_half_full and memory.taken != self._rung_taken
        if is_filling:
            self._rung_taken = memory.taken
        elif now - self._rung_ns < self._delay_ns:
            return
        self._rung_ns = now
        bell = OutputsWaiting(is_filling)
        if not self._send_now(bell):
            self._bell = bell
            self._came.set()

    async def _ask(self, item: Item) -> Item | None:
        self._questions += 1
        number = self._questions
        answered = self._answered[number] = trio.Event()
        try:
            while self._tapped:  # a tap sees an output before the intercept does
                await self._send_oldest()
            await self._send(InterceptQuestion(number, item_bytes(item)))
            await answered.wait()
            answer = self._answers.pop(number, None)
        finally:
            del self._answered[number]
        if answer is None:
            return item
        if not answer.passes:
            return None
        if not answer.replacement:
            return item
        replaced = item_of_bytes(answer.replacement, self._node_id)
        return msgspec.structs.replace(item, data=replaced.data)

    def _pass_all(self) -> None:
        for answered in self._answered.values():
            answered.set()
