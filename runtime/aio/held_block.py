"""A trio block that an asyncio task holds open."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Final, Generic, TypeVar

import trio

from ..errors import (
    CallerError,
    ErrorRecord,
    InternalError,
    MillraceError,
    PipelineError,
    SessionClosedError,
    UnwrappedErrors,
)
from .calls import Call, CallCutOffError, wait_uncancelled
from .trio_thread import TrioThread

T = TypeVar("T")
R = TypeVar("R")


class HeldBlock(Generic[T]):
    """An async context manager of trio, open for as long as an asyncio block lasts.

    If the trio block ends by itself, as a session's does when a node fails, the task that opened it
    is cancelled, and leaving the asyncio block raises the error: asyncio's TaskGroup does the same.

    Attributes:
        thread: where trio runs.
        is_started: whether `hold` was started, in a runtime that is open already.
    """

    def __init__(
        self, what: str, thread: TrioThread, open_it: Callable[[], AbstractAsyncContextManager[T]]
    ) -> None:
        """Create the block.

        Args:
            what: it is, for error messages.
            thread: where trio runs.
            open_it: called in that thread.
        """
        self.thread = thread
        self._what: Final = what
        self._open_it = open_it
        self._opened: asyncio.Future[T] = thread.loop.create_future()
        self._closed: asyncio.Future[BaseException | None] = thread.loop.create_future()
        self._scope = trio.CancelScope()
        self._left = trio.Event()
        self._calls: trio.Nursery | None = None
        # Weak, because the thread refers to the block: an application that drops its loop and its
        # tasks without an end drops the runtime, too.
        self._owner: weakref.ref[asyncio.Task[Any]] | None = None
        self._interrupted = False
        self._is_leaving = False
        self._is_cut_off = False
        self.is_started = False
        self._error_of_caller: BaseException | None = None

    # In the trio thread.

    async def hold(self) -> None:
        """Hold the trio block open until `exit`; its errors go to that."""
        error: BaseException | None = None
        post = self.thread.post_to_host
        try:
            with self._scope, UnwrappedErrors():
                async with self._open_it() as value:
                    await self._run_calls(value)
        except BaseException as failure:  # noqa: ASYNC103 (raised by `exit`)
            if isinstance(failure, trio.Cancelled | BaseExceptionGroup):
                raise  # nothing but cancellations
            if failure is not self._error_of_caller:
                error = _without_frames(failure)
        finally:
            if error is None and (self._is_cut_off or not self._left.is_set()):
                error = PipelineError(
                    f"{self._what} was ended, because the runtime that it belongs to has ended"
                )
            post(self._note_closed, error)
            del error

    async def _run_calls(self, value: T) -> None:
        async with trio.open_nursery() as calls:
            self._calls = calls
            try:
                self.thread.post_to_host(self._note_opened, value)
                await self._left.wait()
                calls.cancel_scope.cancel()
            except trio.Cancelled:
                if not self._left.is_set():
                    self._is_cut_off = True
                    self.thread.post_to_host(self._interrupt)
                raise
            finally:
                self._calls = None
        if self._error_of_caller is not None:
            # So the session logs why it ended. The caller raises the original.
            raise self._error_of_caller

    def _start(self, call: Call[Any]) -> None:
        if self._calls is None:
            self.thread.post_to_host(call.cut_off)
        else:
            self._calls.start_soon(call.run, self.thread.post_to_host)

    def _leave(self, error: BaseException | None) -> None:
        self._left.set()
        if isinstance(error, CallerError):
            self._error_of_caller = _without_frames(error)
        elif error is not None:
            self._scope.cancel()

    # In the thread of the asyncio loop.

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[T]:
        """Hold the block open for as long as an asyncio block lasts: see `enter` and `exit`."""
        value = await self.enter()
        try:
            yield value
        except BaseException as error:
            await self.exit(error)  # noqa: ASYNC102, ASYNC120 (it waits for its end)
            raise
        await self.exit(None)

    async def enter(self) -> T:
        """Wait until `hold` has opened the block, and return what it holds.

        The task that calls this owns the block.

        Raises:
            Exception: that of the block.
        """
        owner = asyncio.current_task()
        assert owner is not None
        self._owner = weakref.ref(owner)
        try:
            either: list[asyncio.Future[Any]] = [self._opened, self._closed]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError as cancelled:
            await self.exit(cancelled)  # noqa: ASYNC102 (it waits however often it is cancelled)
            raise
        if not self._opened.done():
            await self.exit(None)
        return self._opened.result()

    async def exit(self, error: BaseException | None) -> None:
        """Leave the block, and wait until it is closed.

        Args:
            error: the exception of the asyncio block.

        Raises:
            Exception: that of the trio block, instead of its consequences in the asyncio block.
        """
        self._is_leaving = True
        with suppress(PipelineError):  # the thread has ended, and closed everything
            self.thread.post(self._leave, error)
        del error
        failure, cancelled = await wait_uncancelled(self._closed)
        if self._interrupted:
            await self._take_interrupt_back()
        if failure is not None:
            raise _without_frames(failure) from None
        if cancelled:
            raise asyncio.CancelledError

    async def call(
        self, function: Callable[[], Awaitable[R]], *, keep: Callable[[R], None] | None = None
    ) -> R:
        """Call a trio function in the block.

        Args:
            function: what to call.
            keep: receives a result that arrives after the caller was cancelled.

        Raises:
            CallerError: the caller runs in another event loop.
            SessionClosedError: the block was left.
            Exception: that of the function, or that of the block, if it has ended.
        """
        self.thread.check_loop(self._what)
        if not self._closed.done():
            call = Call(self.thread.loop, function, keep)
            with suppress(CallCutOffError):
                self.thread.post(self._start, call)
                return await call.wait(self.thread.post)
            await asyncio.wait([self._closed])
        error = self._closed.result()
        if error is None:
            raise SessionClosedError(f"{self._what} was used after its block was left")
        raise _without_frames(error)

    async def call_at_end(self, function: Callable[[], Awaitable[object]]) -> None:
        """Call a trio function for clean-up, also in a task that is cancelled.

        The end of the block does the same work, if it comes first.
        """

        async def call() -> None:
            with suppress(Exception):
                await self.call(function)

        _, cancelled = await wait_uncancelled(asyncio.ensure_future(call()))
        if cancelled:
            raise asyncio.CancelledError

    async def _take_interrupt_back(self) -> None:
        # A fixture's block is left in another task than the one that entered it.
        task = asyncio.current_task()
        if task is not None and self._owner is not None and task is self._owner():
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)  # if it was not raised yet, this raises it
            task.uncancel()

    def _note_opened(self, value: T) -> None:
        if not self._opened.done():
            self._opened.set_result(value)

    def _note_closed(self, error: BaseException | None) -> None:
        if not self._closed.done():
            self._closed.set_result(error)

    def _interrupt(self) -> None:
        """Cancel the owner of a block that has ended by itself."""
        owner = self._owner() if self._owner is not None else None
        if owner is not None and not self._is_leaving:
            self._interrupted = owner.cancel()


def _without_frames(error: BaseException) -> BaseException:
    """Return an error for one raise: several tasks may raise it.

    The frames of a traceback refer to items, and to what refers to the error. Only the cyclic
    collector would free that.
    """
    if isinstance(error, MillraceError):
        return ErrorRecord.of(error).to_error(InternalError)
    return error
