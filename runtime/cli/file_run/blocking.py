"""Calls that may wait for a pipe, in worker threads that a cancellation can interrupt."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar, TypeVarTuple

import trio

from ...media import InterruptedReadError

Ts = TypeVarTuple("Ts")
R = TypeVar("R")


async def call_in_thread(function: Callable[[*Ts], R], *args: *Ts) -> R:
    """Call a function that may wait for a file or a pipe; use it inside `interruptible`."""
    try:
        return await trio.to_thread.run_sync(function, *args)
    except InterruptedReadError:
        # The cancellation that interrupted the call is raised here, in place of its effect.
        await trio.lowlevel.checkpoint()  # noqa: ASYNC120
        raise


@asynccontextmanager
async def interruptible(interrupt: Callable[[], None]) -> AsyncIterator[None]:
    """Call `interrupt` when the block is cancelled, so that no thread of it waits for a pipe."""
    ended = False

    async def watch() -> None:
        try:
            await trio.sleep_forever()
        finally:
            if not ended:
                interrupt()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        yield
        ended = True
        nursery.cancel_scope.cancel()
