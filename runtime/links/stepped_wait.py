"""A task that waits, and may have another task do a step for it meanwhile."""

from collections.abc import Callable
from functools import partial

import trio

Step = Callable[[], bool]
"""Does what the task that waits would do next, on another task, without waiting. Returns whether
nothing is left to do, so that the task may go on waiting."""


class SteppedWait:
    """The wait of one task.

    Attributes:
        step: of the task that waits; None if there is none, or no task waits.
    """

    def __init__(self) -> None:
        self.step: Step | None = None
        self._wake: Callable[[], None] | None = None
        self._is_stepping = False
        self._is_aborted = False
        self._is_left = False
        self._failure: BaseException | None = None

    async def wait(self, step: Step | None = None) -> bool:
        """Wait until another task calls `wake`, or runs the step and leaves something to this one.

        Args:
            step: what `run_step` does; None if nothing can be done for this task.

        Returns:
            Whether the step has left something.

        Raises:
            Exception: the step raised it.
        """
        self.step, self._is_aborted = step, False
        self._wake = partial(trio.lowlevel.reschedule, trio.lowlevel.current_task())
        try:
            await trio.lowlevel.wait_task_rescheduled(self._abort)
        finally:
            self.step = None
        if self._failure is not None:
            failure, self._failure = self._failure, None
            try:
                raise failure
            finally:
                del failure  # it refers to this frame
        is_left, self._is_left = self._is_left, False
        return is_left

    def wake(self) -> None:
        """Wake the task that waits, if one does."""
        if self._wake is not None:
            wake, self._wake = self._wake, None
            wake()

    def run_step(self) -> bool:
        """Run the step of the task that waits, if it has one; wake it if something is left to it.

        Returns:
            Whether the task goes on waiting.
        """
        wake, step = self._wake, self.step
        if wake is None or step is None:
            return False
        self._wake = None  # what the step brings here waits for its end
        self._is_stepping = True
        try:
            self._is_left = not step()
        except BaseException as error:  # noqa: BLE001 (the task that waits raises it)
            self._failure = error
        self._is_stepping = False
        if self._is_left or self._failure is not None or self._is_aborted:
            wake()
            return False
        self._wake = wake
        return True

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        if self._is_stepping:  # the task is cancelled once it has what the step leaves
            self._is_aborted = True
            return trio.lowlevel.Abort.FAILED
        self._wake = None
        return trio.lowlevel.Abort.SUCCEEDED
