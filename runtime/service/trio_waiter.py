"""Suspends a trio task that reads messages."""

import time
from typing import Final

import trio

# A reader that always finds a message still lets other tasks run this often. With five times as
# much, a flood of small messages makes another session wait twice as long, and is hardly faster.
_SLICE_SECONDS: Final = 0.0001


class TrioWaiter:
    """Suspends one task, which one call of trio's scheduler wakes."""

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None
        self._slice_end = 0.0

    async def wait(self) -> None:
        """Wait until `wake` is called."""
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort)
        self._slice_end = time.perf_counter() + _SLICE_SECONDS

    def wake(self) -> None:
        """Wake the task that waits, if any."""
        if self._task is not None:
            task, self._task = self._task, None
            trio.lowlevel.reschedule(task)

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

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED
