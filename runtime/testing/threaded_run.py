"""A run in a thread with its own trio loop, for a test without an event loop."""

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial, wraps
from typing import Concatenate, ParamSpec, TypeVar

import trio
from trio.testing import MockClock

from actors import Data

from .pipeline import Pipeline
from .recorded import RecordedRun
from .trio_run import TrioRun

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(
    method: Callable[Concatenate[TrioRun, P], Awaitable[T]],
) -> Callable[Concatenate["ThreadedRun", P], T]:
    """Return a method that calls one of the run on trio, and waits for its result."""

    @wraps(method)
    def call(self: "ThreadedRun", /, *args: P.args, **options: P.kwargs) -> T:
        return self.call(partial(method, self.inner, *args, **options))

    return call


class ThreadedRun(RecordedRun):
    """`actors.testing.Run`: a pipeline that runs in another thread; every call waits for it."""

    def __init__(self, inner: TrioRun, token: trio.lowlevel.TrioToken) -> None:
        super().__init__(inner)
        self._token = token

    send = _blocking(TrioRun.send)
    feed = _blocking(TrioRun.feed)
    end = _blocking(TrioRun.end)
    stop = _blocking(TrioRun.stop)
    advance = _blocking(TrioRun.advance)

    def take(self) -> list[Data]:
        """Return the outputs since the last call that returned outputs."""
        return trio.from_thread.run_sync(self.inner.take, trio_token=self._token)

    def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """Run an async function in the pipeline's loop, and return its result."""
        return trio.from_thread.run(function, trio_token=self._token)


@contextmanager
def open_threaded_run(pipeline: Pipeline, *, virtual_time: bool) -> Iterator[ThreadedRun]:
    """Run a pipeline in a thread, for the duration of the block.

    Raises:
        MillraceError: a node failed, and no call has raised its error.
    """
    clock = MockClock() if virtual_time else None
    thread = _LoopThread(TrioRun(pipeline, clock=clock), clock)
    thread.start()
    try:
        token = thread.wait_started()
        thread.run.raise_failure()
        yield ThreadedRun(thread.run, token)
    finally:
        thread.end()
    thread.run.raise_failure()


class _LoopThread:
    """A thread that runs one pipeline on trio."""

    def __init__(self, run: TrioRun, clock: MockClock | None) -> None:
        self.run = run
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
                self._token.run_sync_soon(self.run.leave)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _main(self) -> None:
        try:
            trio.run(self._run, clock=self._clock)
        except BaseException as error:  # noqa: ASYNC103, BLE001 (raised in the test's thread)
            self._error = error
        finally:
            self._started.set()

    async def _run(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            await nursery.start(self.run.main)
            self._started.set()
