"""Control of a node process from the server: both ends of it, over the control socket."""

from collections import deque
from collections.abc import Awaitable, Callable, Collection
from typing import Final

import msgspec
import trio

from actors import Kind

from ...links import Item
from ...links.shared import item_bytes, item_of_bytes
from ..actor_loop import ActorLoop
from ..node_control import Intercept, NodeState, Tap
from .control_messages import (
    BarrierReached,
    CancelCall,
    ControlApplied,
    ControlFromNode,
    ControlToNode,
    InterceptAnswer,
    InterceptQuestion,
    SetIntercept,
    SetState,
    SetTap,
    TappedItem,
)

# What may wait to be sent to the server for a tap: a few large video frames, or many small items.
# What does not fit is counted; the node never waits for a tap.
_MOST_TAPPED_ITEMS: Final = 256
_MOST_TAPPED_BYTES: Final = 32 * 1024 * 1024


class NodeEnd:
    """The end in the node process: carries out what the server sends, and sends it the outputs."""

    def __init__(
        self, loop: ActorLoop, node_id: str, send: Callable[[ControlFromNode], Awaitable[None]]
    ) -> None:
        self._loop = loop
        self._node_id = node_id
        self._send = send
        self._tapped: deque[TappedItem] = deque()
        self._tapped_bytes = 0
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
        return not self._tapped

    async def apply(self, message: ControlToNode) -> None:
        """Carry out a message of the server, and acknowledge it."""
        self._apply(message)
        if not isinstance(message, InterceptAnswer):
            await self._send(ControlApplied())

    def _apply(self, message: ControlToNode) -> None:
        match message:
            case SetState(state, bypass_kinds):
                self._loop.control.set_state(NodeState(state), frozenset(map(Kind, bypass_kinds)))
            case SetTap(active):
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
            while self._tapped:
                await self._send_oldest()

    async def send_tapped(self) -> None:
        """Send what the tap has copied, for ever."""
        while True:
            while not self._tapped:
                self._came = trio.Event()
                await self._came.wait()
            await self._send_oldest()

    async def _send_oldest(self) -> None:
        async with self._turn:
            if self._tapped:
                # It stays in the queue until it is sent: a loop that sees the queue empty may block
                # the thread, and this task with it.
                with trio.CancelScope(shield=True):  # half a message would garble the next one
                    await self._send(self._tapped[0])
                sent = self._tapped.popleft()
                self._tapped_bytes -= len(sent.copy)

    async def _report_barrier(self, number: int) -> None:
        await self._send(BarrierReached(number))

    def _tap(self, item: Item, _missed: int, time_ns: int) -> None:
        if len(self._tapped) >= _MOST_TAPPED_ITEMS or self._tapped_bytes >= _MOST_TAPPED_BYTES:
            self._missed += 1
            return
        copy = item_bytes(item)
        self._tapped.append(TappedItem(copy, self._missed, time_ns))
        self._tapped_bytes += len(copy)
        self._missed = 0
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


class ServerEnd:
    """The end in the server: a `NodeControl` of a node in a process of its own."""

    def __init__(
        self,
        node_id: str,
        send: Callable[[ControlToNode], None],
        start: Callable[..., None],
    ) -> None:
        """Create the end.

        Args:
            node_id: the node's id.
            send: sends a message to the node process, in order.
            start: starts a task that decides on an output.
        """
        self._node_id = node_id
        self._send = send
        self._start = start
        self._pending = 0
        self._barrier = 0
        self._changed = trio.lowlevel.ParkingLot()
        self._closed = False
        self._tap: Tap | None = None
        self._intercept: Intercept | None = None

    def set_state(self, state: NodeState, bypass_kinds: Collection[Kind]) -> None:
        """Set the node's state."""
        self._set(SetState(state.value, [kind.value for kind in bypass_kinds]))

    def set_tap(self, tap: Tap | None) -> None:
        """Call `tap` with every output; None stops that."""
        self._tap = tap
        self._set(SetTap(tap is not None))

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
        while self._pending and not self._closed:
            await self._changed.park()

    async def wait_barrier(self, number: int) -> None:
        """Wait until the node has received the barrier of this number, or has ended."""
        await trio.lowlevel.checkpoint()
        while self._barrier < number and not self._closed:
            await self._changed.park()

    def close(self) -> None:
        """Release everything that waits: the node has ended."""
        self._closed = True
        self._changed.unpark_all()

    def receive(self, message: ControlFromNode) -> None:
        """Pass an output of the node to the tap or to the intercept; note an acknowledgement.

        Raises:
            DataError: the node process sent something that is no item.
        """
        if isinstance(message, ControlApplied | BarrierReached):
            if isinstance(message, BarrierReached):
                self._barrier = message.number
            else:
                self._pending -= 1
            self._changed.unpark_all()
            return
        item = item_of_bytes(message.copy, self._node_id)
        if isinstance(message, InterceptQuestion):
            self._start(self._decide, message.number, item)
        elif self._tap is not None:
            self._tap(item, message.missed, message.time_ns)

    def _set(self, message: ControlToNode) -> None:
        self._pending += 1
        self._send(message)

    async def _decide(self, number: int, item: Item) -> None:
        intercept = self._intercept
        decided = item if intercept is None else await intercept(item)
        if decided is None:
            self._send(InterceptAnswer(number, passes=False))
        elif decided is item:
            self._send(InterceptAnswer(number, passes=True))
        else:
            self._send(InterceptAnswer(number, passes=True, replacement=item_bytes(decided)))
