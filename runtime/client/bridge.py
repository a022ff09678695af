"""Runs the client's asyncio code from the user's tasks, under asyncio or trio.

grpclib needs asyncio. Under trio, the client owns an asyncio loop of trio-asyncio as long as it is
connected, and every call that may wait runs on that loop.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, TypeVarTuple

import sniffio

if TYPE_CHECKING:
    import trio_asyncio

_log = logging.getLogger("millrace.client")

_MOST_SECONDS_WITHOUT_OTHERS: Final = 0.002

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Bridge(Protocol):
    """Runs asyncio functions."""

    async def run(self, function: Callable[[*Ts], Coroutine[Any, Any, T]], *args: *Ts) -> T:
        """Call an asyncio function from the user's task, and cancel it with the task."""

    async def finish(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Call an asyncio function for clean-up, also in a cancelled task.

        The function must end within a bounded time.
        """

    async def checkpoint(self) -> None:
        """Let other tasks run, if the library expects that of every call."""


class _Asyncio:
    def __init__(self) -> None:
        self._yielded = time.monotonic()

    async def run(self, function: Callable[[*Ts], Coroutine[Any, Any, T]], *args: *Ts) -> T:
        return await function(*args)

    async def finish(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        # asyncio raises CancelledError once: after it, the task can wait again.
        await function()

    async def checkpoint(self) -> None:
        # A send that has room waits for nothing: without this, a loop of them would hold the
        # application's event loop for as long as the server takes chunks.
        if time.monotonic() - self._yielded >= _MOST_SECONDS_WITHOUT_OTHERS:
            await asyncio.sleep(0)
            self._yielded = time.monotonic()


class _Trio:
    def __init__(self, loop: "trio_asyncio.TrioEventLoop") -> None:
        self._loop = loop

    async def run(self, function: Callable[[*Ts], Coroutine[Any, Any, T]], *args: *Ts) -> T:
        from trio_asyncio import current_loop, run_aio_future

        # The caller may be a task from outside the block, or have another loop.
        before = current_loop.set(self._loop)
        try:
            task = asyncio.ensure_future(function(*args), loop=self._loop)
        finally:
            current_loop.reset(before)
        result: T = await run_aio_future(task)
        return result

    async def finish(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        import trio

        with trio.CancelScope(shield=True):
            await self.run(function)

    async def checkpoint(self) -> None:
        import trio

        await trio.lowlevel.checkpoint()


@asynccontextmanager
async def open_bridge() -> AsyncIterator[Bridge]:
    """Open the bridge for the library that runs the caller.

    Raises:
        RuntimeError: the library is neither asyncio nor trio.
    """
    library = sniffio.current_async_library()
    if library == "asyncio":
        yield _Asyncio()
    elif library == "trio":
        async with _open_trio_loop() as loop:
            yield _Trio(loop)
    else:
        raise RuntimeError(f"the client runs under asyncio or trio, not under {library}")


@asynccontextmanager
async def _open_trio_loop() -> "AsyncIterator[trio_asyncio.TrioEventLoop]":
    """Open a loop whose nurseries add no exception group to an error of the block."""
    import trio
    import trio_asyncio

    failure: BaseException | None = None
    try:
        async with trio_asyncio.open_loop() as loop:
            loop.set_exception_handler(_on_exception)
            try:
                yield loop
            except BaseException as error:
                failure = error
                raise
    except BaseExceptionGroup:
        if isinstance(failure, None | trio.Cancelled | BaseExceptionGroup):
            raise
        raise failure from failure.__cause__


def _on_exception(_loop: object, context: dict[str, Any]) -> None:
    """Log an exception of a callback, as asyncio does; trio-asyncio would end the loop."""
    _log.error(context.get("message", "connection failed"), exc_info=context.get("exception"))
