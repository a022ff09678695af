"""Control of a node process from the server: both ends of it, over the control socket."""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Final

import msgspec
import trio

from actors import DataError, Kind

from ...links import Item
from ...links.shared import item_bytes, item_of_bytes
from ..actor_loop import ActorLoop
from ..node_control import Intercept, NodeState, OnMissed, Tap, ignore_missed
from .control_messages import (
    BarrierReached,
    CancelCall,
    ControlApplied,
    ControlFromNode,
    ControlToNode,
    InterceptAnswer,
    InterceptQuestion,
    OutputsWaiting,
    SetIntercept,
    SetState,
    SetTap,
    TappedItem,
)
from .tap_memory import TapReader, TapWriter

# What may wait to be sent to the server for a tap: a few large video frames, or many small items.
# What does not fit is counted; the node never waits for a tap.
_MOST_TAPPED_ITEMS: Final = 256
_MOST_TAPPED_BYTES: Final = 32 * 1024 * 1024
# Larger copies would soon fill the memory of the tap; what a message costs is little beside them.
_MOST_SHARED_BYTES: Final = 128 * 1024
# The server takes what was written within the delay so much later, in case the node process had to
# wait for a processor just before it wrote.
_SPARE_SECONDS: Final = 0.05


class NodeEnd:
    """The end in the node process: carries out what the server sends, and sends it the outputs."""

    def __init__(
        self,
        loop: ActorLoop,
        node_id: str,
        send: Callable[[ControlFromNode], Awaitable[None]],
        send_now: Callable[[ControlFromNode], bool],
        tap_memory: memoryview,
    ) -> None:
        """Create the end.

        Args:
            loop: the node's.
            node_id: the node's id.
            send: sends a message to the server, in order.
            send_now: sends a message at once, or returns False.
            tap_memory: shared with the server, see `tap_memory`.
        """
        self._loop = loop
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
            case InterceptAnswer(number):
                if number in self._answered:
                    self._answers[number] = message
                    self._answered[number].set()
            case CancelCall():
                self._loop.control.cancel_call()

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


def _nothing() -> None:
    """Do nothing: most messages are in effect by themselves."""


class ServerEnd:
    """The end in the server: a `NodeControl` of a node in a process of its own."""

    def __init__(
        self,
        node_id: str,
        send: Callable[[ControlToNode], None],
        start: Callable[..., None],
        tap_memory: Callable[[], memoryview],
        on_malformed: Callable[[DataError], None],
    ) -> None:
        """Create the end.

        Args:
            node_id: the node's id.
            send: sends a message to the node process, in order.
            start: starts a task: that decides on an output, or that collects outputs later.
            tap_memory: returns what is shared with the node process, see `tap_memory`.
            on_malformed: is called if the node process has written something that is no item.
        """
        self._node_id = node_id
        self._send = send
        self._start = start
        # For each message that is not acknowledged yet, what is done then.
        self._unapplied: deque[Callable[[], None]] = deque()
        self._memory = TapReader(tap_memory)
        self._on_malformed = on_malformed
        self._received = 0  # outputs over the control socket, in all
        self._delay_seconds = 0.0
        self._collect_at = 0.0
        self._is_collecting = False
        self._barrier = 0
        self._changed = trio.lowlevel.ParkingLot()
        self._closed = False
        self._tap: Tap | None = None
        self._on_missed: OnMissed = ignore_missed
        self._intercept: Intercept | None = None

    def set_state(self, state: NodeState, bypass_kinds: Collection[Kind]) -> None:
        """Set the node's state."""
        self._set(SetState(state.value, [kind.value for kind in bypass_kinds]))

    def set_tap(
        self, tap: Tap | None, delay_seconds: float = 0.0, on_missed: OnMissed = ignore_missed
    ) -> None:
        """Call `tap` with every output; None stops that. The old tap gets what came before."""
        message = SetTap(tap is not None, delay_seconds)
        self._set(message, partial(self._use_tap, tap, delay_seconds, on_missed))

    def set_intercept(self, intercept: Intercept | None) -> None:
        """Let `intercept` decide on every output; None stops that."""
        self._intercept = intercept
        self._set(SetIntercept(intercept is not None))

    def cancel_call(self) -> None:
        """Cancel the call of the actor that is running, if there is one."""
        self._set(CancelCall())

    async def wait_applied(self) -> None:
        """Wait until everything that was set is in effect, or the node has ended."""
        await trio.lowlevel.checkpoint()
        while self._unapplied and not self._closed:
            await self._changed.park()

    async def wait_barrier(self, number: int) -> None:
        """Wait until the node has received the barrier of this number, or has ended."""
        await trio.lowlevel.checkpoint()
        while self._barrier < number and not self._closed:
            await self._changed.park()

    def close(self) -> None:
        """Collect the last outputs, and release everything that waits: the node has ended."""
        self.collect()
        self._closed = True
        self._changed.unpark_all()

    def collect(self) -> None:
        """Pass the outputs in the memory to the tap."""
        if not self._closed:
            try:
                self._collect()
            except DataError as error:
                self._on_malformed(error)

    def note_missed(self, missed: int) -> None:
        """Report outputs to the tap that no copy tells of, since none follows."""
        if missed:
            self._on_missed(missed)

    def receive(self, message: ControlFromNode) -> None:
        """Pass an output of the node to the tap or to the intercept; note an acknowledgement.

        Raises:
            DataError: the node process sent something that is no item.
        """
        if isinstance(message, ControlApplied | BarrierReached):
            if isinstance(message, BarrierReached):
                self._barrier = message.number
            elif self._unapplied:
                self._collect(message.written)
                self.note_missed(message.missed)
                self._unapplied.popleft()()
            self._changed.unpark_all()
            return
        if isinstance(message, OutputsWaiting):
            if message.is_filling:
                self._collect()
            self._collect_later()
            return
        if isinstance(message, TappedItem):
            self._collect(message.written)
            self._received += 1
            if not self._memory.is_empty:
                self._collect_later()
        item = item_of_bytes(message.copy, self._node_id)
        if isinstance(message, InterceptQuestion):
            self._start(self._decide, message.number, item)
        elif self._tap is not None:
            self._tap(item, message.missed, message.time_ns)

    def _set(self, message: ControlToNode, on_applied: Callable[[], None] = _nothing) -> None:
        self._unapplied.append(on_applied)
        self._send(message)

    def _use_tap(self, tap: Tap | None, delay_seconds: float, on_missed: OnMissed) -> None:
        self._tap = tap
        self._on_missed = on_missed
        self._delay_seconds = delay_seconds

    def _collect(self, until: int | None = None) -> None:
        for record in self._memory.read(until, self._received):
            if self._tap is not None:
                item = item_of_bytes(record.copy, self._node_id)
                self._tap(item, record.missed, record.time_ns)

    def _collect_later(self) -> None:
        self._collect_at = trio.current_time() + self._delay_seconds + _SPARE_SECONDS
        if not self._is_collecting:
            self._is_collecting = True
            self._start(self._collect_in_time)

    async def _collect_in_time(self) -> None:
        due = 0.0
        while self._collect_at > due:
            due = self._collect_at
            await trio.sleep_until(due)
            self.collect()
        self._is_collecting = False

    async def _decide(self, number: int, item: Item) -> None:
        intercept = self._intercept
        decided = item if intercept is None else await intercept(item)
        if decided is None:
            self._send(InterceptAnswer(number, passes=False))
        elif decided is item:
            self._send(InterceptAnswer(number, passes=True))
        else:
            self._send(InterceptAnswer(number, passes=True, replacement=item_bytes(decided)))
