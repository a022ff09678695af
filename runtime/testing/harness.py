"""The harness: runs a pipeline for a test without an event loop, on trio, or on asyncio."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from types import TracebackType

import trio
from sniffio import AsyncLibraryNotFoundError, current_async_library
from trio.testing import MockClock

from actors.testing import AsyncRun, Run

from .pipeline import Pipeline
from .threaded_run import open_threaded_run
from .trio_run import TrioRun


class RuntimeHarness:
    """Runs a pipeline for the duration of a `with` or an `async with` block.

    On trio the pipeline runs in the test's own loop. Otherwise it has its own loop, in a thread
    that ends with the block.
    """

    def __init__(self, pipeline: Pipeline, *, virtual_time: bool) -> None:
        self._pipeline = pipeline
        self._virtual_time = virtual_time
        self._exits = ExitStack()
        self._async_exits = AsyncExitStack()

    def __enter__(self) -> Run:
        """Start the pipeline, in a test without an event loop."""
        library = _async_library()
        if library is not None:
            raise RuntimeError(
                f"`with` would block the test's {library} loop: use the harness with `async with`"
            )
        threaded = open_threaded_run(self._pipeline, virtual_time=self._virtual_time)
        return self._exits.enter_context(threaded)

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> bool | None:
        """End the pipeline."""
        return self._exits.__exit__(error_type, error, trace)

    async def __aenter__(self) -> AsyncRun:
        """Start the pipeline, in an async test."""
        if _async_library() == "trio":
            opened = _open_here(self._pipeline, virtual_time=self._virtual_time)
            return await self._async_exits.enter_async_context(opened)
        from .asyncio_run import open_asyncio_run

        other = open_asyncio_run(self._pipeline, virtual_time=self._virtual_time)
        return await self._async_exits.enter_async_context(other)

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> bool | None:
        """End the pipeline."""
        # The sessions that it ends shield themselves, with deadlines.
        return await self._async_exits.__aexit__(error_type, error, trace)  # noqa: ASYNC102


@asynccontextmanager
async def _open_here(pipeline: Pipeline, *, virtual_time: bool) -> AsyncIterator[TrioRun]:
    """Run a pipeline in a nursery of the current trio loop."""
    if virtual_time and not isinstance(trio.lowlevel.current_clock(), MockClock):
        raise RuntimeError(
            "virtual_time in a test on trio needs a virtual clock of the test: use pytest-trio's "
            "fixture mock_clock or autojump_clock"
        )
    run = TrioRun(pipeline)
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(run.main)
            try:
                run.raise_failure()
                yield run
            finally:
                run.leave()
    except BaseExceptionGroup as group:
        raise _only(group) from None
    run.raise_failure()


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error of the test, without the group that the nursery put it in."""
    return group.exceptions[0] if len(group.exceptions) == 1 else group


def _async_library() -> str | None:
    try:
        return current_async_library()
    except AsyncLibraryNotFoundError:
        return None
