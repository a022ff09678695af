"""Control of a running node from outside: taps, an intercept, and the node's state.

A node without them pays nothing: its loop uses its own output, and looks at its state only when the
control lane is not idle.
"""

import time
from collections.abc import Awaitable, Callable, Collection
from enum import Enum
from typing import Any, Protocol

import trio

from actors import Control, Data, DataError, Kind

from ..errors import NodeError
from ..links import ControlLane, Item, Output
from .hop_observer import HopObserver, RecordHops
from .state_bytes import decoded_state, encoded_state


class NodeState(Enum):
    """What a node does with its input."""

    ENABLED = "enabled"
    """The actor processes it."""

    BYPASS = "bypass"
    """It is emitted as it is; the actor does not get it."""

    DISABLED = "disabled"
    """It is dropped, and the node emits nothing."""


Tap = Callable[[Item, int, int], None]
"""Receives every output, in order. It must not block.

Its arguments: the item, how many outputs it has missed just before, and when the node emitted the
item, in nanoseconds of the monotonic clock, which all processes of a machine share.
"""

OnMissed = Callable[[int], None]
"""Receives the number of outputs that a tap has missed, where no output follows them."""

Intercept = Callable[[Item], Awaitable[Item | None]]
"""Decides on one output: returns the item to emit, or None to drop it."""


ReportState = Callable[[bytes], None]
"""Receives the state of a node."""


def _ignore_state(_state: bytes) -> None:
    """Do nothing."""


def ignore_missed(_missed: int) -> None:
    """Do nothing."""


class NodeControl(Protocol):
    """Control of one running node. What is set holds from the next item on."""

    def set_state(self, state: NodeState, bypass_kinds: Collection[Kind]) -> None:
        """Set the node's state.

        Args:
            state: the new state.
            bypass_kinds: what every reader of the node accepts. A bypassed item of another kind is
                dropped, since it would end the session.
        """

    def set_tap(
        self, tap: Tap | None, delay_seconds: float = 0.0, on_missed: OnMissed = ignore_missed
    ) -> None:
        """Call `tap` with every output; None stops that.

        Args:
            tap: receives the outputs. Until the change is applied, the tap before receives them.
            delay_seconds: how long an output of another process may be on its way to the tap. To
                take many outputs at once costs a small part of taking each.
            on_missed: is called when the tap ends, or the node, with what no output tells of.
        """

    def set_intercept(self, intercept: Intercept | None) -> None:
        """Let `intercept` decide on every output; None stops that."""

    def set_hops(self, record: RecordHops | None, interval: int = 1) -> None:
        """Call `record` with the hops of sampled items; None stops that.

        Args:
            record: receives them. What others of the node's process record comes a moment later.
            interval: see `runtime.latency.is_sampled`.
        """

    def cancel_call(self) -> None:
        """Cancel the call of the actor that is running, if there is one."""

    def set_export(self, report: ReportState, most_bytes: int) -> None:
        """Let the node export its state at the end of its input, in place of a flush.

        Args:
            report: receives the state as bytes, if the node has one.
            most_bytes: of the state; more is an error of the node.
        """

    def set_import(self, state: bytes) -> None:
        """Let the node import a state when it receives the next barrier, before its first item."""

    async def wait_applied(self) -> None:
        """Wait until everything that was set is in effect, or the node has ended."""

    async def wait_barrier(self, number: int) -> None:
        """Wait until the node has received the barrier of this number, or has ended."""


class InspectedOutput:
    """The output of a node that is tapped or intercepted.

    Attributes:
        tap: receives each output first, as the node emitted it.
        intercept: then decides whether it goes on, and as what.
        output: then receives it.
    """

    def __init__(self, output: Output) -> None:
        self.tap: Tap | None = None
        self.intercept: Intercept | None = None
        self.output: Output | HopObserver = output
        self._tapped: Item | None = None  # that has not been sent yet

    @property
    def is_needed(self) -> bool:
        """Whether there is a tap or an intercept."""
        return self.tap is not None or self.intercept is not None

    def try_send(self, item: Item) -> bool:
        """Show `item` to the tap; pass it on if that takes no waiting; return whether it was.

        Raises:
            PeerGoneError: a reader is gone.
        """
        # A tap alone takes no waiting. To let `send` do it would cost 25 us of each output, as much
        # as all the rest of a recording (27 November 2026).
        if self.intercept is not None:
            return False
        if item is not self._tapped:  # by an attempt before
            self._show(item)
        if self.output.try_send(item):
            self._tapped = None
            return True
        return False

    async def send(self, item: Item) -> None:
        """Show `item` to the tap and to the intercept, then pass it to every reader.

        Raises:
            PeerError: a reader is gone, or broken.
        """
        passed: Item | None = item
        if item is not self._tapped:  # by `try_send`
            self._show(item)
        self._tapped = None
        # Control messages are the runtime's own traffic: to drop one would hold others up.
        if self.intercept is not None and not isinstance(item.data, Control):
            passed = await self.intercept(item)
        if passed is None:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await self.output.send(passed)

    def _show(self, item: Item) -> None:
        if self.tap is not None and not isinstance(item.data, Control):
            self.tap(item, 0, time.monotonic_ns())
            self._tapped = item

    async def end(self) -> None:
        """End the stream at every reader.

        Raises:
            PeerError: a reader is gone, or broken.
        """
        await self.output.end()


class LoopControl:
    """The control of a node for its own process: a `NodeControl`.

    Attributes:
        state: what the node does with its input.
        report_barrier: is called with the number of every barrier that the node receives.
        is_exporting: whether the node exports its state at the end of its input.
        send_state: is called with that state.

    Args:
        output: the node's own output.
        lane: its control lane, which makes the loop look at the state.
        use_output: lets the loop emit to another output.
        cancel_call: cancels the call of the actor that is running.
        observe: lets the loop note what it takes, for an observer of its hops or for none.
        new_observer: returns one, for an interval and what takes the hops.
    """

    def __init__(
        self,
        output: Output,
        lane: ControlLane,
        use_output: Callable[[Output | InspectedOutput | HopObserver], None],
        cancel_call: Callable[[], None],
        observe: Callable[[HopObserver | None], None],
        new_observer: Callable[[int, RecordHops], HopObserver],
    ) -> None:
        self.state = NodeState.ENABLED
        self._bypass_kinds: Collection[Kind] = frozenset()
        self._output = output
        self._inspected = InspectedOutput(output)
        self._lane = lane
        self._use_output = use_output
        self.cancel_call = cancel_call
        self._observe = observe
        self._new_observer = new_observer
        self.report_barrier: Callable[[int], Awaitable[None]] = self._note_barrier
        self.is_exporting = False
        self.send_state: Callable[[bytes], Awaitable[None]] = self._note_state
        self._report_state: ReportState = _ignore_state
        self._most_state_bytes = 0
        self._to_import: bytes | None = None
        self._barrier = 0
        self._waiting = trio.lowlevel.ParkingLot()

    def set_state(self, state: NodeState, bypass_kinds: Collection[Kind]) -> None:
        """Set what the node does with its input, from the next item on."""
        self.state = state
        self._bypass_kinds = bypass_kinds
        self._lane.set_diverting(state is not NodeState.ENABLED)

    def set_tap(
        self, tap: Tap | None, _delay_seconds: float = 0.0, _on_missed: OnMissed = ignore_missed
    ) -> None:
        """Call `tap` with every output, at once; None stops that."""
        self._inspected.tap = tap
        self._choose_output()

    def set_intercept(self, intercept: Intercept | None) -> None:
        """Let `intercept` decide on every output; None stops that."""
        self._inspected.intercept = intercept
        self._choose_output()

    def set_hops(self, record: RecordHops | None, interval: int = 1) -> None:
        """Call `record` with the hops of sampled items; None stops that."""
        observer = None if record is None else self._new_observer(interval, record)
        self._observe(observer)
        self._inspected.output = observer or self._output
        self._choose_output()

    def set_export(self, report: ReportState, most_bytes: int) -> None:
        """Let the node export its state at the end of its input, in place of a flush."""
        self.is_exporting = True
        self._report_state, self._most_state_bytes = report, most_bytes

    async def report_state(self, state: object, node_id: str) -> None:
        """Report what the actor has exported.

        Raises:
            NodeError: it cannot be moved.
        """
        try:
            encoded = encoded_state(state, self._most_state_bytes)
        except DataError as error:
            raise NodeError(node_id, f"export_state(): {error}") from None
        await self.send_state(encoded)

    def set_import(self, state: bytes) -> None:
        """Let the node import a state when it receives the next barrier."""
        self._to_import = state

    @property
    def has_state_to_import(self) -> bool:
        """Whether there is a state to import."""
        return self._to_import is not None

    def take_state(self, node_id: str) -> Any:
        """Return the state to import; it is imported once.

        Raises:
            NodeError: these bytes are no state.
        """
        state, self._to_import = self._to_import, None
        assert state is not None
        try:
            return decoded_state(state)
        except DataError as error:
            raise NodeError(node_id, f"its state cannot be imported: {error}") from None

    async def wait_applied(self) -> None:
        """Return: in the node's own process, everything takes effect at once."""
        await trio.lowlevel.checkpoint()

    async def wait_barrier(self, number: int) -> None:
        """Wait until the node has received the barrier of this number."""
        await trio.lowlevel.checkpoint()
        while self._barrier < number:
            await self._waiting.park()

    async def _note_barrier(self, number: int) -> None:
        self._barrier = number
        self._waiting.unpark_all()
        await trio.lowlevel.checkpoint()

    async def _note_state(self, state: bytes) -> None:
        self._report_state(state)
        await trio.lowlevel.checkpoint()

    def passes(self, data: Data) -> bool:
        """Return whether the node, which is not enabled, emits an input as it is."""
        return self.state is NodeState.BYPASS and data.kind in self._bypass_kinds

    def _choose_output(self) -> None:
        inspected = self._inspected
        self._use_output(inspected if inspected.is_needed else inspected.output)
