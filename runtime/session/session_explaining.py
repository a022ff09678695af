"""The part of a session's API that explains the latency of its results."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from .control_bus import ControlBus
from .session_input import SessionInput
from .session_latency import SessionLatency
from .session_output import SessionOutput
from .session_statistics import SessionStatistics

# So many chunks are followed at first; later it is adapted.
_CHUNKS_PER_SECOND: Final = 50


class SessionExplaining(SessionStatistics):
    """Explains where the time of a session's results goes.

    Attributes:
        bus: controls the nodes.
        opened_at: when the session was opened, in seconds since 1970.
    """

    bus: ControlBus
    opened_at: float
    _input: SessionInput
    _output: SessionOutput
    _latency: SessionLatency | None = None

    @asynccontextmanager
    async def explained(self, *, all_chunks: bool = False) -> AsyncIterator[SessionLatency]:
        """Explain the latency of results, for as long as the block lasts.

        Args:
            all_chunks: follow every chunk, and explain all results together; otherwise at most
                about 100 chunks a second, and the results of the last minute.

        Example:
            async with session.explained(all_chunks=True) as latency:
                ...
                print((await latency.summary()).quantiles)
        """
        latency = self._latency
        if latency is None:
            latency = self._latency = SessionLatency(
                self.plan, self._input, self._output, self.bus, self.statistics
            )
        seconds = max(time.time() - self.opened_at, 1.0)
        interval = max(1, round(self.counts()["items_in"] / seconds / _CHUNKS_PER_SECOND))
        async with latency.watched(interval=interval, explains_all=all_chunks):
            yield latency
