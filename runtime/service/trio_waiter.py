"""Suspends a trio task that reads messages."""

import time
from typing import Final

import trio

from ..links import DirectRun, Step, SteppedWait

# A reader that always finds a message still lets other tasks run this often. With five times as
# much, a flood of small messages makes another session wait twice as long, and is hardly faster.
_SLICE_SECONDS: Final = 0.0001


class TrioWaiter:
    """Suspends one task, which one call of trio's scheduler wakes.

    Args:
        direct: of the connection.
    """

    def __init__(self, direct: DirectRun) -> None:
        self._direct = direct
        self._waiting = SteppedWait()
        self._slice_end = 0.0

    async def wait(self, step: Step | None) -> None:
        """Wait until `wake` is called, or `step`, which is run instead, has left something.

        The task that reads the connection runs it, when it has handled all that it has read.
        """
        await self._waiting.wait(step)
        self._slice_end = time.perf_counter() + _SLICE_SECONDS

    def wake(self) -> None:
        """Wake the task that waits, if any, or let its step run."""
        if self._waiting.step is None or not self._direct.offer(self._waiting):
            self._waiting.wake()

    async def checkpoint(self) -> None:
        """Let other tasks run if this one has run for its slice of time."""
        if time.perf_counter() > self._slice_end:
            await self.give_way()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()

    async def give_way(self) -> None:
        """Let other tasks run."""
        await trio.lowlevel.checkpoint()
        self._slice_end = time.perf_counter() + _SLICE_SECONDS
