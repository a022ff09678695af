"""Threads that a native node has left behind."""

import logging
import math
import threading
import time
from collections.abc import Iterable
from typing import Final

import trio

# An idle worker of a pool that is no longer referenced ends by itself, within this time.
_GRACE_SECONDS: Final = 2.0
# Workers of an asyncio event loop, which it keeps until it is closed: of the application, as in a
# notebook, since no node closes a loop that it does not run in a thread of its own.
_OF_EVENT_LOOP: Final = "asyncio_"


class LeftThreads:
    """Threads that were started while a native node ran, and that Python will wait for.

    Not the workers of an asyncio event loop, which ends them itself.

    Args:
        log: of the node.
        started: the threads that were started while it ran.
    """

    def __init__(
        self, log: "logging.LoggerAdapter[logging.Logger]", started: Iterable[threading.Thread]
    ) -> None:
        self._log = log
        self._threads = [
            thread
            for thread in started
            if not thread.daemon and not thread.name.startswith(_OF_EVENT_LOOP)
        ]

    @property
    def running(self) -> list[threading.Thread]:
        """Those that still run."""
        return [thread for thread in self._threads if thread.is_alive()]

    def log(self) -> None:
        """Log those that still run."""
        names = [repr(thread.name) for thread in self.running]
        if names:
            self._log.warning(
                "threads that were started while this node ran are still running: %s; end them in "
                "cleanup(), or make them daemons",
                ", ".join(names),
            )

    async def log_after_grace(self) -> None:
        """Give them time to end, then log those that still run."""
        # Without a limit of its own kind: each waits for a thread that a node started.
        limiter = trio.CapacityLimiter(math.inf)
        with trio.CancelScope(shield=True):  # the wait has a deadline
            await trio.to_thread.run_sync(self._wait, limiter=limiter)
        self.log()

    def _wait(self) -> None:
        deadline = time.monotonic() + _GRACE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
