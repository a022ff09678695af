"""What is wanted of one node on the control bus."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

import trio

from actors import Data, Kind

from ..execution import NodeControl, NodeState, OnMissed, Tap
from ..links import Item
from .taps import TapReceiver

Decide = Callable[[Data], Awaitable[Data | None]]
"""Decides on one output: returns it, another item in its place, or None to drop it."""


@dataclass(eq=False, slots=True)
class BusIntercept:
    """An intercept, and the outputs that wait for its decision."""

    decide: Decide
    deadline_seconds: float
    waiting: set[trio.CancelScope] = field(default_factory=set)

    def release(self) -> None:
        """Let every output that waits pass."""
        for scope in self.waiting:
            scope.cancel()


@dataclass(eq=False, slots=True)
class BusNode:
    """What is wanted of one node.

    Attributes:
        reader_kinds: the kinds that every reader of the node accepts.
        host: the address of the other server that runs it; empty for none.
        is_seen: whether its outputs come to this server.
    """

    node_id: str
    reader_kinds: Collection[Kind]
    taps: list[TapReceiver] = field(default_factory=list)
    intercept: BusIntercept | None = None
    state: NodeState = NodeState.ENABLED
    control: NodeControl | None = None
    host: str = ""
    is_seen: bool = True
    has_published: bool = False


def tap_of(node: BusNode) -> Tap:
    """Return what passes an output to the taps of a node, of which there is one or more."""
    if len(node.taps) == 1:
        return node.taps[0].put

    taps = node.taps  # as they are now: until a change is applied, one that was removed receives

    def put(item: Item, missed: int, time_ns: int) -> None:
        for tap in taps:
            tap.put(item, missed, time_ns)

    return put


def on_missed_of(node: BusNode) -> OnMissed:
    """Return what tells the taps of a node of outputs that they have missed."""
    taps = node.taps  # as they are now, likewise

    def put_missed(missed: int) -> None:
        for tap in taps:
            tap.put_missed(node.node_id, missed)

    return put_missed


def delay_of(node: BusNode) -> float:
    """Return how long an output may be on its way to the taps of a node."""
    return min((tap.delay_seconds for tap in node.taps), default=0.0)
