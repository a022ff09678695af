"""The part of a session's API that ends its input, and the sources that generate items."""

from collections.abc import Mapping

import trio

from ..executors import NodeTask
from ..plan import Plan
from .session_input import SessionInput
from .session_log import SessionLog
from .session_output import SessionOutput
from .state import SessionState


class SessionSources:
    """The end of a session's input.

    Attributes:
        plan, state: of the session.
    """

    plan: Plan
    state: SessionState
    _tasks: Mapping[str, NodeTask]
    _input: SessionInput
    _output: SessionOutput
    _ready: trio.Event
    _log: SessionLog

    async def close_input(self, *, stop_sources: bool = False) -> None:
        """End the input: every node processes what it has, and flushes.

        Sources that generate items go on until they end by themselves, and so does the session. A
        session whose sources all generate items closes its input itself when the last of them has
        ended.

        Args:
            stop_sources: stop these sources too. Each is cancelled, and flushes.
        """
        if not self._input.closed:
            self._input.closed = True
            self._log.closing()
            await self._ready.wait()
            if stop_sources or not self._generates():
                self.state = SessionState.TERMINATING
            await self._input.close()
        if stop_sources:
            await self._ready.wait()
            await self._input.stop_sources()

    async def _follow_sources(self) -> None:
        """Start the sources that generate items; close the input when the last of them has ended.

        They start when the first result is awaited: the session's owner may set taps, or begin a
        recording, before the first item.
        """
        await self._ready.wait()
        await self._output.awaited.wait()
        await self._input.start_sources()
        for node in self.plan.generating:
            await self._tasks[node].done.wait()
        if not self.plan.entries:
            await self.close_input()
        elif self._input.closed:
            self.state = SessionState.TERMINATING

    def _generates(self) -> bool:
        return any(not self._tasks[node].done.is_set() for node in self.plan.generating)
