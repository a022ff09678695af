"""The part of a session's API that moves what its nodes remember to another session."""

from collections.abc import Mapping

import trio

from .control_bus import ControlBus
from .session_input import SessionInput
from .session_sources import SessionSources


class SessionMoving(SessionSources):
    """The states of a session's nodes, on their way out and in.

    Attributes:
        bus: controls the nodes.
    """

    bus: ControlBus
    _input: SessionInput
    _ready: trio.Event

    @property
    def states(self) -> Mapping[str, bytes]:
        """The states that the nodes have exported; all of them at the end of the results."""
        return self.bus.states

    async def end_for_move(self, most_bytes: int) -> None:
        """End the input so that another session can go on: nodes export their states.

        They process what they have, and do not flush. If the input has ended before, they flush.

        Args:
            most_bytes: of the state of one node; a node with more fails.
        """
        await self._ready.wait()
        if not self._input.closed:
            await self.bus.export_states(most_bytes)
        await self.close_input(stop_sources=True)

    async def import_states(self, states: Mapping[str, bytes]) -> None:
        """Go on with the states that another session of the same plan has exported.

        Call it before the first chunk.

        Args:
            states: by the ids of the nodes.

        Raises:
            UnknownNodeError: the pipeline has no such node.
        """
        await self._ready.wait()
        await self.bus.import_states(states)
