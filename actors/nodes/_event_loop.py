"""The event loop that native nodes share.

trio is imported where it is needed: looking at a node's params then loads less.
"""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trio


def has_event_loop() -> bool:
    """Return whether the caller runs in a task; a unit test may call a hook without one."""
    import trio

    return trio.lowlevel.in_trio_task()


def load_beside_loop(function: Callable[[], None]) -> Awaitable[None] | None:
    """Return what loads a model in a worker thread; load it here where no event loop runs.

    A hook of a native node returns this, and other tasks run meanwhile. One model is loaded at a
    time: several at once take longer together, and leave no core for the event loop. (Five VAD
    models on 2 cores, 2026-11-27: 230 ms in turn, with pauses of the loop of up to 8 ms; 340 to
    430 ms at once, with pauses of 12 to 38 ms.)
    """
    if has_event_loop():
        return _load_in_thread(function)
    function()
    return None


async def _load_in_thread(function: Callable[[], None]) -> None:
    import trio

    limiters = _limiters()
    try:
        limiter = limiters.get()
    except LookupError:
        limiter = trio.CapacityLimiter(1)
        limiters.set(limiter)
    await trio.to_thread.run_sync(function, limiter=limiter)
    # A cancellation that came meanwhile takes effect here.
    await trio.lowlevel.checkpoint()


@cache
def _limiters() -> "trio.lowlevel.RunVar[trio.CapacityLimiter]":
    """Return the place of the limiter of each event loop."""
    import trio

    return trio.lowlevel.RunVar("millrace.loading")
