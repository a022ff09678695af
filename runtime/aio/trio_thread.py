"""A thread that runs trio for an application on asyncio."""

import asyncio
import atexit
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

import outcome
import trio

from ..errors import CallerError, PipelineError
from .calls import wait_uncancelled

T = TypeVar("T")

# An application that exits without closing its runtime waits this long for the clean-up: twice the
# default of cleanup_grace_period_secs.
_EXIT_SECONDS: Final = 10.0


class TrioThread:
    """A thread with a trio loop, which ends with its main function.

    Attributes:
        loop: the application's asyncio loop.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[None] = self.loop.create_future()
        self._thread = threading.Thread(target=self._run, name="millrace runtime", daemon=True)
        self._token: trio.lowlevel.TrioToken | None = None
        self._scope = trio.CancelScope()
        self._main: Callable[[], Awaitable[None]] | None = None
        self._started: asyncio.Future[None] = self.loop.create_future()

    async def start(self, main: Callable[[], Awaitable[None]]) -> bool:
        """Run a trio function in the thread; return whether the task was cancelled meanwhile."""
        self._main = main
        # A daemon, because the interpreter joins other threads before it calls what `atexit` has.
        atexit.register(self._end_at_exit)
        self._thread.start()
        _, cancelled = await wait_uncancelled(self._started)
        return cancelled

    async def join(self) -> bool:
        """Wait until the main function has ended; return whether the task was cancelled meanwhile.

        The main function must have been told to end.
        """
        _, cancelled = await wait_uncancelled(self._stopped)
        self._thread.join()  # it has nothing left to do
        atexit.unregister(self._end_at_exit)
        return cancelled

    def check_loop(self, what: str) -> None:
        """Check that the caller runs in the loop that opened the runtime.

        Raises:
            CallerError: it does not.
        """
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is not self.loop:
            raise CallerError(
                f"{what} belongs to the asyncio event loop that opened it; it was used from "
                + ("another event loop" if running else "code without an event loop")
                + ". Open one runtime in each loop, or call "
                "asyncio.run_coroutine_threadsafe(..., loop) with the loop that opened it"
            )

    def post(self, function: Callable[..., object], *args: object) -> None:
        """Call a function in the trio thread soon.

        Raises:
            PipelineError: it has ended.
        """
        try:
            if self._token is None:
                raise trio.RunFinishedError
            self._token.run_sync_soon(function, *args)
        except trio.RunFinishedError:
            raise PipelineError("the runtime has ended") from None

    def post_to_host(self, function: Callable[..., object], *args: object) -> None:
        """Call a function in the thread of the asyncio loop soon; if that is closed, end."""
        try:
            self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # nobody can leave the blocks any more
            self._scope.cancel()

    def request_stop(self) -> None:
        """Cancel the main function, from any thread."""
        if self._token is not None and self._thread.is_alive():
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._scope.cancel)

    async def run_in_host(self, function: Callable[..., Awaitable[T]], *args: object) -> T:
        """Call an asyncio function from a trio task, and cancel it with the task."""
        ended = trio.Event()
        task: asyncio.Task[T] | None = None
        result: outcome.Outcome[Any] = outcome.Error(RuntimeError("the event loop was closed"))

        async def call() -> None:
            nonlocal result
            try:
                result = outcome.Value(await function(*args))
            except BaseException as error:  # noqa: ASYNC103, BLE001 (raised in the trio task)
                result = outcome.Error(error)
            self.post(ended.set)

        def start() -> None:
            nonlocal task
            task = self.loop.create_task(call())  # type: ignore[arg-type]

        def cancel() -> None:
            if task is not None:
                task.cancel()

        self.post_to_host(start)
        try:
            await ended.wait()
        except trio.Cancelled:
            self.post_to_host(cancel)
            raise
        value: T = result.unwrap()
        return value

    def _run(self) -> None:
        try:
            trio.run(self._run_main)
        finally:
            self.post_to_host(self._note_stopped)

    async def _run_main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        assert self._main is not None
        self.post_to_host(self._started.set_result, None)
        with self._scope:
            await self._main()
        self._main = None

    def _note_stopped(self) -> None:
        if not self._stopped.done():
            self._stopped.set_result(None)

    def _end_at_exit(self) -> None:
        self.request_stop()
        self._thread.join(_EXIT_SECONDS)
