"""The end in the server of the control of a node process, over the control socket."""

from collections import deque
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

import trio

from actors import DataError, Kind

from ...links import Item
from ...links.shared import item_bytes, item_of_bytes
from ..hop_observer import RecordHops
from ..node_control import Intercept, NodeState, OnMissed, Tap, ignore_missed
from .control_messages import (
    BarrierReached,
    CancelCall,
    ControlApplied,
    ControlFromNode,
    ControlToNode,
    Hops,
    InterceptAnswer,
    InterceptQuestion,
    OutputsWaiting,
    SetHops,
    SetIntercept,
    SetState,
    SetTap,
    TappedItem,
)
from .tap_memory import TapReader

# The server takes what was written within the delay so much later, in case the node process had to
# wait for a processor just before it wrote.
_SPARE_SECONDS: Final = 0.05


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
        *,
        has_memory: bool = True,
    ) -> None:
        """Create the end.

        Args:
            node_id: the node's id.
            send: sends a message to the node process, in order.
            start: starts a task: that decides on an output, or that collects outputs later.
            tap_memory: returns what is shared with the node process, see `tap_memory`.
            on_malformed: is called if the node process has written something that is no item.
            has_memory: whether the node process can write to the memory; if not, every output for
                a tap is a message.
        """
        self._has_memory = has_memory
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
        self._record_hops: RecordHops | None = None

    def set_state(self, state: NodeState, bypass_kinds: Collection[Kind]) -> None:
        """Set the node's state."""
        self._set(SetState(state.value, [kind.value for kind in bypass_kinds]))

    def set_tap(
        self, tap: Tap | None, delay_seconds: float = 0.0, on_missed: OnMissed = ignore_missed
    ) -> None:
        """Call `tap` with every output; None stops that. The old tap gets what came before."""
        delay_seconds = delay_seconds if self._has_memory else 0.0
        message = SetTap(tap is not None, delay_seconds)
        self._set(message, partial(self._use_tap, tap, delay_seconds, on_missed))

    def set_intercept(self, intercept: Intercept | None) -> None:
        """Let `intercept` decide on every output; None stops that."""
        self._intercept = intercept
        self._set(SetIntercept(intercept is not None))

    def set_hops(self, record: RecordHops | None, interval: int = 1) -> None:
        """Call `record` with the hops of sampled items; None stops that."""
        self._record_hops = record
        self._set(SetHops(interval if record is not None else 0))

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
        if isinstance(message, Hops):
            if self._record_hops is not None:
                self._record_hops(message.hops)
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
