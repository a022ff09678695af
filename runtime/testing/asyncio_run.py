"""A run for a test on asyncio: the threaded one, awaited."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from actors import Data

from .pipeline import Pipeline
from .recorded import RecordedRun
from .threaded_run import ThreadedRun, open_threaded_run

P = ParamSpec("P")
T = TypeVar("T")


def _awaited(
    method: Callable[Concatenate[ThreadedRun, P], T],
) -> Callable[Concatenate["AsyncioRun", P], Awaitable[T]]:
    """Return a method that calls a blocking one in a worker thread."""

    @wraps(method)
    async def call(self: "AsyncioRun", /, *args: P.args, **options: P.kwargs) -> T:
        return await asyncio.to_thread(method, self.threaded, *args, **options)

    return call


class AsyncioRun(RecordedRun):
    """`actors.testing.AsyncRun` for a test on asyncio.

    Attributes:
        threaded: the run whose calls are awaited.
    """

    def __init__(self, threaded: ThreadedRun) -> None:
        super().__init__(threaded.inner)
        self.threaded = threaded

    send = _awaited(ThreadedRun.send)
    feed = _awaited(ThreadedRun.feed)
    end = _awaited(ThreadedRun.end)
    stop = _awaited(ThreadedRun.stop)
    advance = _awaited(ThreadedRun.advance)

    def take(self) -> list[Data]:
        """Return the outputs since the last call that returned outputs."""
        return self.threaded.take()


@asynccontextmanager
async def open_asyncio_run(pipeline: Pipeline, *, virtual_time: bool) -> AsyncIterator[AsyncioRun]:
    """Run a pipeline for the duration of the block.

    Raises:
        MillraceError: a node failed, and no call has raised its error.
    """
    opening = open_threaded_run(pipeline, virtual_time=virtual_time)
    threaded = await asyncio.to_thread(opening.__enter__)
    try:
        yield AsyncioRun(threaded)
    except BaseException as error:
        await asyncio.to_thread(opening.__exit__, type(error), error, error.__traceback__)
        raise
    await asyncio.to_thread(opening.__exit__, None, None, None)
