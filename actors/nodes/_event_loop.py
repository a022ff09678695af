"""The event loop that native nodes share.

trio is imported where it is needed: looking at a node's params then loads less.
"""

from collections.abc import Awaitable, Callable


def has_event_loop() -> bool:
    """Return whether the caller runs in a task; a unit test may call a hook without one."""
    import trio

    return trio.lowlevel.in_trio_task()


def in_worker_thread(function: Callable[[], None]) -> Awaitable[None] | None:
    """Return what calls a function in a worker thread; call it here where no event loop runs.

    A hook of a native node returns this, and other tasks run meanwhile.
    """
    if has_event_loop():
        return _call_in_thread(function)
    function()
    return None


async def _call_in_thread(function: Callable[[], None]) -> None:
    import trio

    await trio.to_thread.run_sync(function)
    # A cancellation that came meanwhile takes effect here.
    await trio.lowlevel.checkpoint()
