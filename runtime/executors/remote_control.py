"""The control of a node on another host, whose outputs come back here."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import trio

from actors import Kind

from ..execution import (
    HopObserver,
    InspectedOutput,
    Intercept,
    NodeState,
    OnMissed,
    RecordHops,
    ReportState,
    Tap,
    ignore_missed,
)
from ..links import Inbox, Item, Output


@dataclass(slots=True)
class _WorkThere:
    """The other host, as what calls an actor."""

    times: list[float] = field(default_factory=lambda: [0.0, 0.0])
    busy_seconds: float = 0.0


class BorderControl:
    """A `NodeControl` of what can be controlled from here: the outputs that come back.

    Attributes:
        output: sends the outputs on, past the tap and the intercept.

    Args:
        output: of the node.
        inboxes: of all nodes of the part, since its outputs come of what any of them has taken.
    """

    def __init__(self, output: Output, inboxes: Sequence[Inbox]) -> None:
        self.output = InspectedOutput(output)
        self._sent_to = output
        self._inboxes = inboxes
        self._hops: HopObserver | None = None
        self._work = _WorkThere()

    def note_sent(self, item: Item) -> None:
        """Note an item that the other host gets."""
        if self._hops is not None:
            self._hops.take(item)
            self._work.times[1] = time.monotonic()

    def note_result(self, seconds: float) -> None:
        """Note that a result has come, which the other host has taken so long for."""
        self._work.busy_seconds = seconds

    def taken(self) -> Mapping[str, int]:
        """Return how many items the part has taken from each node here."""
        return {source: n for inbox in self._inboxes for source, n in inbox.taken().items()}

    def set_tap(
        self, tap: Tap | None, _delay_seconds: float = 0.0, _on_missed: OnMissed = ignore_missed
    ) -> None:
        """Call `tap` with every output that comes back; None stops that."""
        self.output.tap = tap

    def set_intercept(self, intercept: Intercept | None) -> None:
        """Let `intercept` decide on every output that comes back; None stops that."""
        self.output.intercept = intercept

    def set_state(self, state: NodeState, bypass_kinds: Collection[Kind]) -> None:
        """Do nothing: a state is set in the session there."""

    def set_hops(self, record: RecordHops | None, interval: int = 1) -> None:
        """Call `record` with the hops of sampled items, each with all that the host does."""
        if record is None:
            self._hops, self.output.output = None, self._sent_to
            return
        self._hops = HopObserver(
            self, self._sent_to, self._work, is_source=False, interval=interval, record=record
        )
        self.output.output = self._hops

    def cancel_call(self) -> None:
        """Do nothing: a call is cancelled by a control message, which goes there."""

    def set_export(self, report: ReportState, most_bytes: int) -> None:
        """Do nothing: a session with such a node does not move."""

    def set_import(self, state: bytes) -> None:
        """Do nothing: a session with such a node does not move."""

    async def wait_applied(self) -> None:
        """Return: everything is in effect at once."""
        await trio.lowlevel.checkpoint()

    async def wait_barrier(self, number: int) -> None:
        """Return: barriers do not go to another host."""
        await trio.lowlevel.checkpoint()
