"""Stops a run at a signal."""

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from ...execution import nodes_interrupted_by_themselves
from ..errors import StoppedError
from ..stop_signals import open_stop_signals


@asynccontextmanager
async def stopped_by_signals(on_stop: Callable[[], None]) -> AsyncIterator[None]:
    """Cancel the block at SIGINT, SIGTERM or SIGHUP; a second signal ends the process at once.

    Args:
        on_stop: is called at the first signal.

    Raises:
        StoppedError: a signal came.
    """
    received: list[int] = []
    scope = trio.CancelScope()

    async def watch(  # noqa: ASYNC114 (its start is awaited below)
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        with (
            open_stop_signals() as signals,
            nodes_interrupted_by_themselves(),
        ):
            task_status.started()
            async for number in signals:
                received.append(number)
                if len(received) > 1:
                    break
                on_stop()
                scope.cancel()
        # As without a handler. The forkserver notices, and terminates the node processes.
        signal.signal(received[0], signal.SIG_DFL)
        signal.raise_signal(received[0])

    async with trio.open_nursery() as nursery:
        await nursery.start(watch)
        with scope:
            yield
        nursery.cancel_scope.cancel()
    if received:
        raise StoppedError(received[0])
