"""A pipeline under test in a thread with a trio loop of its own."""

import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

import trio
from trio.testing import MockClock

from actors import Data, Progress
from actors.testing import Received

from .pipeline import Pipeline
from .run import PipelineRun

T = TypeVar("T")


class ThreadedRun:
    """A pipeline that runs in another thread; every call waits for its answer.

    Attributes:
        inner: the run itself, for functions that `call` runs in its loop.
    """

    def __init__(self, run: PipelineRun, token: trio.lowlevel.TrioToken) -> None:
        self.inner = run
        self._token = token

    @property
    def outputs(self) -> Sequence[Received]:
        """Everything that the sinks gave."""
        return tuple(self.inner.outputs)

    @property
    def progress(self) -> Mapping[str, Sequence[Progress]]:
        """The reports of each node's initialization."""
        return self.inner.progress

    @property
    def copies(self) -> int:
        """Arrays that had to be copied at a border."""
        return self.inner.copies

    def send(
        self,
        *items: Data,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        """Send items in."""
        self.call(
            lambda: self.inner.send(*items, node=node, sequence=sequence, timestamp_ms=timestamp_ms)
        )

    def feed(
        self,
        *items: Data,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
    ) -> list[Data]:
        """Send items in, wait until every node is done with them, and return what came out."""
        return self.call(
            lambda: self.inner.feed(*items, node=node, sequence=sequence, timestamp_ms=timestamp_ms)
        )

    def take(self) -> list[Data]:
        """Return what has come out since the last call that returned outputs."""
        return trio.from_thread.run_sync(self.inner.take, trio_token=self._token)

    def end(self) -> list[Data]:
        """End the stream, and return what still came out."""
        return self.call(self.inner.end)

    def advance(self, seconds: float) -> list[Data]:
        """Let time pass, and return what came out."""
        return self.call(lambda: self.inner.advance(seconds))

    def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """Run an async function of the loop, and return what it returned."""
        return trio.from_thread.run(function, trio_token=self._token)


@contextmanager
def open_threaded_run(pipeline: Pipeline, *, virtual_time: bool) -> Iterator[ThreadedRun]:
    """Run a pipeline in a thread, as long as the block lasts.

    Raises:
        MillraceError: a node failed, and no call has said so.
    """
    clock = MockClock() if virtual_time else None
    thread = _LoopThread(PipelineRun(pipeline, clock=clock), clock)
    thread.start()
    try:
        token = thread.wait_started()
        thread.run_of_pipeline.raise_failure()
        yield ThreadedRun(thread.run_of_pipeline, token)
    finally:
        thread.end()
    thread.run_of_pipeline.raise_failure()


class _LoopThread:
    """A thread that runs one pipeline on trio."""

    def __init__(self, run: PipelineRun, clock: MockClock | None) -> None:
        self.run_of_pipeline = run
        self._clock = clock
        self._started = threading.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="millrace harness")

    def start(self) -> None:
        self._thread.start()

    def wait_started(self) -> trio.lowlevel.TrioToken:
        """Return the loop's token when the pipeline is ready, or has failed."""
        self._started.wait()
        if self._error is not None:
            raise self._error
        assert self._token is not None
        return self._token

    def end(self) -> None:
        """Let the pipeline end, and wait for it."""
        if self._token is not None:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self.run_of_pipeline.leave)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _main(self) -> None:
        try:
            trio.run(self._run, clock=self._clock)
        except BaseException as error:  # noqa: ASYNC103, BLE001 (the test raises it)
            self._error = error
        finally:
            self._started.set()

    async def _run(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            await nursery.start(self.run_of_pipeline.main)
            self._started.set()
