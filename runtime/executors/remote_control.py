"""The control of a node on another host, whose outputs come back here."""

from collections.abc import Collection

import trio

from actors import Kind

from ..execution import (
    InspectedOutput,
    Intercept,
    NodeState,
    OnMissed,
    RecordHops,
    ReportState,
    Tap,
    ignore_missed,
)
from ..links import Output


class BorderControl:
    """A `NodeControl` of what can be controlled from here: the outputs that come back.

    Attributes:
        output: sends the outputs on, past the tap and the intercept.
    """

    def __init__(self, output: Output) -> None:
        self.output = InspectedOutput(output)

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
        """Do nothing: hops are recorded there."""

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
