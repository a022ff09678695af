"""The control bus of a session: taps, intercepts, node states and published items.

It keeps what is wanted of each node, and applies it when the node is ready. Any number of users
share it. None can stall the data plane: a tap has a bounded queue and counts what it misses, an
intercept has a deadline.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec
import trio

from actors import ANY_KIND, Control, Data, Kind

from ..catalogue import Acceptance
from ..errors import CallerError, InputError, MillraceError, UnknownNodeError
from ..events import InitProgress
from ..execution import NodeControl, NodeState
from ..latency import Hop
from ..links import Item, barrier
from ..plan import Plan
from .bus_node import BusIntercept, BusNode, Decide, delay_of, on_missed_of, tap_of
from .taps import TapReceiver

DEFAULT_DEADLINE_SECONDS: Final = 0.05
"""How long an output waits for an intercept's decision; the contract's default."""

# How long a change of state waits for a node that is busy with an item before.
_BARRIER_SECONDS: Final = 2.0

_log = logging.getLogger("millrace.session")


AddHops = Callable[[str, Sequence[Hop]], None]
"""Receives the id of a node, and hops of it."""


class ControlBus:
    """Controls the nodes of one session.

    Attributes:
        states: what the nodes have exported, by their ids.
        held_bytes: what waits for all clients that attach.

    Args:
        plan: the session's.
        enter_barrier: puts a barrier on the inlet of a node.
    """

    def __init__(
        self, plan: Plan, enter_barrier: Callable[[str, Control], Awaitable[None]]
    ) -> None:
        accepts = {str(node.node_id): node.accepts for node in plan.nodes}
        readers = {str(node): list(map(str, to)) for node, to in plan.successors.items()}
        self._nodes = {
            node: BusNode(node, _accepted_by_all(readers[node], accepts)) for node in accepts
        }
        for each in plan.nodes:
            if each.remote is not None:
                node = self._nodes[str(each.node_id)]
                node.host = each.remote.address
                node.is_seen = each.node_id in each.remote.sinks
        self._receivers: list[TapReceiver] = []
        self._correlation_id = 0
        self._barriers = 0
        self._enter_barrier = enter_barrier
        self._add_hops: AddHops | None = None
        self._hop_interval = 1
        self.states: dict[str, bytes] = {}
        self.held_bytes = 0

    def set_control(self, node_id: str, control: NodeControl | None) -> None:
        """Apply what is wanted of a node that has become ready; None: the node has ended."""
        node = self._nodes[node_id]
        node.control = control
        if control is None:
            return
        if node.state is not NodeState.ENABLED:
            control.set_state(node.state, node.reader_kinds)
        if node.taps:
            control.set_tap(tap_of(node), delay_of(node), on_missed_of(node))
        if node.intercept is not None:
            control.set_intercept(self._intercept_of(node))
        if self._add_hops is not None:
            control.set_hops(partial(self._add_hops, node_id), self._hop_interval)

    async def wait_applied(self) -> None:
        """Wait until everything that was set so far is in effect."""
        for node in self._nodes.values():
            if node.control is not None:
                await node.control.wait_applied()

    def add_receiver(self, receiver: TapReceiver) -> None:
        """Report the progress and the end of the session to `receiver`."""
        self._receivers.append(receiver)

    def remove_receiver(self, receiver: TapReceiver) -> None:
        """Stop that."""
        if receiver in self._receivers:
            self._receivers.remove(receiver)

    def report_progress(self, progress: InitProgress) -> None:
        """Report a node's progress to every receiver."""
        for receiver in self._receivers:
            receiver.put_progress(progress)

    def has_node(self, node_id: str) -> bool:
        """Return whether the session has a node."""
        return node_id in self._nodes

    def next_correlation_id(self) -> int:
        """Return a number that no other question of an intercept in this session has."""
        self._correlation_id += 1
        return self._correlation_id

    def close(self, error: MillraceError | None) -> None:
        """End every tap: the session has ended, with an error if it failed."""
        for receiver in list(self._receivers):
            receiver.close(error)
        for node in self._nodes.values():
            if node.intercept is not None:
                node.intercept.release()

    def state_of(self, node_id: str) -> NodeState:
        """Return the state of a node.

        Raises:
            UnknownNodeError: the pipeline has no such node.
        """
        return self._node(node_id).state

    def note_published(self, node_id: str) -> None:
        """Note that an item was published into a node: it precedes a change of the node's state."""
        self._nodes[node_id].has_published = True

    async def set_state(self, node_id: str, state: NodeState) -> None:
        """Set the state of a node, from its next item on.

        Items that were published into it before are processed in the old state.

        Raises:
            UnknownNodeError: the pipeline has no such node.
            CallerError: the node runs on another host.
        """
        node = self._node_here(node_id)
        await self._wait_received(node)
        node.state = state
        if node.control is not None:
            node.control.set_state(state, node.reader_kinds)
            await node.control.wait_applied()

    async def cancel_call(self, node_id: str) -> None:
        """Cancel the running call of a node.

        Raises:
            UnknownNodeError: the pipeline has no such node.
        """
        control = self._node(node_id).control
        if control is not None:
            control.cancel_call()
            await control.wait_applied()

    async def add_tap(self, node_id: str, tap: TapReceiver) -> None:
        """Send every output of a node to `tap`, from now on.

        Raises:
            UnknownNodeError: the pipeline has no such node.
            CallerError: its outputs stay on another host.
        """
        node = self._node_seen(node_id)
        if tap not in node.taps:
            node.taps = [*node.taps, tap]
            if tap not in self._receivers:
                self._receivers.append(tap)
            if node.control is not None:
                node.control.set_tap(tap_of(node), delay_of(node), on_missed_of(node))
                await node.control.wait_applied()

    async def remove_tap(self, node_id: str, tap: TapReceiver) -> None:
        """Stop that.

        Raises:
            UnknownNodeError: the pipeline has no such node.
        """
        node = self._node(node_id)
        if tap in node.taps:
            node.taps = [each for each in node.taps if each is not tap]
            if node.control is not None:
                rest = tap_of(node) if node.taps else None
                node.control.set_tap(rest, delay_of(node), on_missed_of(node))
                await node.control.wait_applied()

    async def forget_tap(self, tap: TapReceiver) -> None:
        """Remove a tap from every node."""
        for node_id in self._nodes:
            await self.remove_tap(node_id, tap)
        self.remove_receiver(tap)

    async def set_hops(self, add: AddHops | None, interval: int) -> None:
        """Call `add` with the hops of all nodes, from now on; None stops that.

        Args:
            add: receives a node's id and its hops.
            interval: see `runtime.latency.is_sampled`.
        """
        self._add_hops, self._hop_interval = add, interval
        for node in self._nodes.values():
            if node.control is not None:
                record = None if add is None else partial(add, node.node_id)
                node.control.set_hops(record, interval)
        await self.wait_applied()

    async def export_states(self, most_bytes: int) -> None:
        """Let every node export its state at the end of its input, in place of a flush.

        Args:
            most_bytes: of the state of one node.
        """
        for node in self._nodes.values():
            if node.control is not None:
                report = partial(self.states.__setitem__, node.node_id)
                node.control.set_export(report, most_bytes)
        await self.wait_applied()

    async def import_states(self, states: Mapping[str, bytes]) -> None:
        """Let nodes import their states, and wait until they have.

        Raises:
            UnknownNodeError: the pipeline has no such node.
        """
        nodes = [self._node(node_id) for node_id in states]
        self._barriers += 1
        number = self._barriers
        for node in nodes:
            if node.control is not None:
                node.control.set_import(states[node.node_id])
                await node.control.wait_applied()
                await self._enter_barrier(node.node_id, barrier(number))
        for node in nodes:
            if node.control is not None:
                await node.control.wait_barrier(number)

    async def set_intercept(self, node_id: str, decide: Decide, deadline_seconds: float) -> object:
        """Let `decide` decide on every output of a node; it replaces the intercept before it.

        Returns:
            A token for `remove_intercept`.

        Raises:
            UnknownNodeError: the pipeline has no such node.
            CallerError: its outputs stay on another host.
        """
        node = self._node_seen(node_id)
        if node.intercept is not None:
            node.intercept.release()
        node.intercept = BusIntercept(decide, deadline_seconds)
        if node.control is not None:
            node.control.set_intercept(self._intercept_of(node))
            await node.control.wait_applied()
        return node.intercept

    async def remove_intercept(self, node_id: str, token: object = None) -> None:
        """Remove the intercept of a node; outputs that wait pass at once.

        Args:
            node_id: the node.
            token: remove only the intercept that was set with it.

        Raises:
            UnknownNodeError: the pipeline has no such node.
        """
        node = self._node(node_id)
        intercept = node.intercept
        if intercept is not None and token in (None, intercept):
            node.intercept = None
            intercept.release()
            if node.control is not None:
                node.control.set_intercept(None)
                await node.control.wait_applied()

    def check_replacement(self, node_id: str, data: Data) -> None:
        """Check that every reader of a node accepts an item.

        Raises:
            InputError: a reader does not.
        """
        kinds = self._node(node_id).reader_kinds
        if data.kind not in kinds:
            names = ", ".join(sorted(kind.value for kind in kinds)) or "nothing"
            raise InputError(
                f"node {node_id!r}: a replacement of kind {data.kind.value}; its readers accept "
                f"{names}"
            )

    async def _wait_received(self, node: BusNode) -> None:
        """Wait until a node has received what was published into it, unless it is too busy."""
        if not node.has_published or node.control is None:
            return
        node.has_published = False
        self._barriers += 1
        number = self._barriers
        with trio.move_on_after(_BARRIER_SECONDS):
            await self._enter_barrier(node.node_id, barrier(number))
            await node.control.wait_barrier(number)

    def is_seen(self, node_id: str) -> bool:
        """Return whether the outputs of a node come to this server, so that it can be tapped."""
        return self._node(node_id).is_seen

    def _node_seen(self, node_id: str) -> BusNode:
        node = self._node(node_id)
        if not node.is_seen:
            raise CallerError(
                f"the outputs of node {node_id!r} stay on {node.host}: attach to its session there"
            )
        return node

    def _node_here(self, node_id: str) -> BusNode:
        node = self._node(node_id)
        if node.host:
            raise CallerError(
                f"node {node_id!r} runs on {node.host}: attach to its session on that server"
            )
        return node

    def _node(self, node_id: str) -> BusNode:
        try:
            return self._nodes[node_id]
        except KeyError:
            raise UnknownNodeError(f"the pipeline has no node {node_id!r}") from None

    def _intercept_of(self, node: BusNode) -> Callable[[Item], Awaitable[Item | None]]:
        async def decide(item: Item) -> Item | None:
            intercept = node.intercept
            if intercept is None:
                return item
            scope = trio.CancelScope(deadline=trio.current_time() + intercept.deadline_seconds)
            decided: Data | None = item.data
            intercept.waiting.add(scope)
            try:
                with scope:
                    decided = await intercept.decide(item.data)
                    if decided is not None and decided is not item.data:
                        self.check_replacement(node.node_id, decided)
            except InputError as error:
                _log.warning(
                    "replacement refused", extra={"node": node.node_id, "reason": str(error)}
                )
                decided = item.data
            finally:
                intercept.waiting.discard(scope)
            if decided is None:
                return None
            return item if decided is item.data else msgspec.structs.replace(item, data=decided)

        return decide


def _accepted_by_all(readers: list[str], accepts: Mapping[str, Acceptance]) -> frozenset[Kind]:
    kinds = ANY_KIND
    for reader in readers:
        kinds &= accepts[reader].kinds
    return kinds
