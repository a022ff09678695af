"""Calls of an actor in a worker thread, one at a time."""

import logging
import math
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress

import trio

_log = logging.getLogger("millrace.session")


class ThreadCalls:
    """Calls functions in a worker thread, one at a time.

    A thread cannot be ended from outside. When a call is cancelled, it may go on for a grace
    period; then the thread is abandoned, so that its session can end.

    Attributes:
        is_abandoned: whether a thread still runs the actor, which must not be called any more.
    """

    def __init__(self, node_id: str, grace_seconds: float) -> None:
        self.is_abandoned = False
        self._node_id = node_id
        self._grace_seconds = grace_seconds
        # There is one call at a time, and none after one that was abandoned. A limit here could
        # only make a call wait, which could be cancelled before it begins.
        self._limiter = trio.CapacityLimiter(math.inf)
        self._thread: int | None = None

    async def call(self, function: Callable[..., object], *args: object) -> object:
        """Return the result of a function, called in the thread."""
        finished: list[bool] = []
        waiting: list[Callable[[], None]] = []
        token = trio.lowlevel.current_trio_token()

        def work() -> object:
            self._thread = threading.get_ident()
            try:
                return function(*args)
            finally:
                self._thread = None
                finished.append(True)  # before the look at `waiting`: see below
                if waiting:
                    with suppress(trio.RunFinishedError):
                        token.run_sync_soon(waiting[0])

        # Once this has passed, the thread starts: only then is there a call to wait for.
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            return await trio.to_thread.run_sync(
                work, abandon_on_cancel=True, limiter=self._limiter
            )
        except trio.Cancelled:
            over = trio.Event()
            waiting.append(over.set)  # before the look at `finished`: one of the two sees the other
            if not finished:
                with trio.move_on_after(self._grace_seconds, shield=True):
                    await over.wait()
            if not finished:
                self.is_abandoned = True
                _log.error(
                    "node %r: a call in its thread did not return within %g s after it was "
                    "cancelled; the thread is abandoned, here:\n%s",
                    self._node_id,
                    self._grace_seconds,
                    self.stack(),
                )
            raise

    def stack(self) -> str:
        """Return where the thread is; empty if no call is running."""
        frame = sys._current_frames().get(self._thread or 0)
        return "" if frame is None else "".join(traceback.format_stack(frame))
