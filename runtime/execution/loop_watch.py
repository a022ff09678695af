"""Find the actor that holds the event loop which all native nodes and all sessions share."""

import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final

from .statistics import NodeStatistics
from .steps import in_steps

MAX_HOLD_SECONDS: Final = 0.1
"""An actor's code that takes longer without a pause is counted, and named in the log once."""


class LoopWatch:
    """Watches one native actor."""

    def __init__(
        self, statistics: NodeStatistics, log: "logging.Logger | logging.LoggerAdapter[Any]"
    ) -> None:
        self._statistics = statistics
        self._log = log

    def record(self, hook: str, seconds: float) -> None:
        """Take note of how long a hook ran without a pause."""
        if seconds <= MAX_HOLD_SECONDS:
            return
        self._statistics.loop_holds += 1
        if self._statistics.loop_holds == 1:
            self._log.warning(
                "%s() held the server's event loop for %.0f ms, and every session with it; set "
                "runs_in_thread = True, or run the node in a process (executor_overrides)",
                hook,
                seconds * 1e3,
            )

    async def watch(self, hook: str, coroutine: Coroutine[Any, Any, object]) -> object:
        """Run `coroutine`, and take note of how long each of its steps takes."""
        return await in_steps(coroutine, [0.0, 0.0], partial(self.record, hook))
