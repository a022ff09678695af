"""A pipeline under test for a test on asyncio: the threaded one, awaited."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from actors import Data, Progress
from actors.testing import Received

from .pipeline import Pipeline
from .threaded import ThreadedRun, open_threaded_run


class AsyncioRun:
    """Waits in worker threads for a pipeline that runs in a thread of its own."""

    def __init__(self, run: ThreadedRun) -> None:
        self._run = run

    @property
    def outputs(self) -> Sequence[Received]:
        """Everything that the sinks gave."""
        return self._run.outputs

    @property
    def progress(self) -> Mapping[str, Sequence[Progress]]:
        """The reports of each node's initialization."""
        return self._run.progress

    @property
    def copies(self) -> int:
        """Arrays that had to be copied at a border."""
        return self._run.copies

    async def send(
        self,
        *items: Data,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        """Send items in."""
        await asyncio.to_thread(
            self._run.send, *items, node=node, sequence=sequence, timestamp_ms=timestamp_ms
        )

    async def feed(
        self,
        *items: Data,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
    ) -> list[Data]:
        """Send items in, wait until every node is done with them, and return what came out."""
        return await asyncio.to_thread(
            self._run.feed, *items, node=node, sequence=sequence, timestamp_ms=timestamp_ms
        )

    def take(self) -> list[Data]:
        """Return what has come out since the last call that returned outputs."""
        return self._run.take()

    async def end(self) -> list[Data]:
        """End the stream, and return what still came out."""
        return await asyncio.to_thread(self._run.end)

    async def advance(self, seconds: float) -> list[Data]:
        """Let time pass, and return what came out."""
        return await asyncio.to_thread(self._run.advance, seconds)


@asynccontextmanager
async def open_asyncio_run(pipeline: Pipeline, *, virtual_time: bool) -> AsyncIterator[AsyncioRun]:
    """Run a pipeline as long as the block lasts.

    Raises:
        MillraceError: a node failed, and no call has said so.
    """
    threaded = open_threaded_run(pipeline, virtual_time=virtual_time)
    run = await asyncio.to_thread(threaded.__enter__)
    try:
        yield AsyncioRun(run)
    except BaseException as error:
        await asyncio.to_thread(threaded.__exit__, type(error), error, error.__traceback__)
        raise
    await asyncio.to_thread(threaded.__exit__, None, None, None)
