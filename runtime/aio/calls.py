"""One call from an asyncio task to the trio thread."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import outcome
import trio

T = TypeVar("T")


class CallCutOffError(Exception):
    """The trio block of a call has ended before the call."""


class Call(Generic[T]):
    """A call of a trio function for an asyncio task.

    The task's cancellation cancels the function, and then waits for its end: no call goes on
    without its caller.

    Args:
        loop: of the asyncio task.
        function: called in the trio thread.
        keep: receives a result that arrives after its caller was cancelled.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        function: Callable[[], Awaitable[T]],
        keep: Callable[[T], None] | None,
    ) -> None:
        self._function = function
        self._keep = keep
        self._scope = trio.CancelScope()
        self._result: asyncio.Future[T] = loop.create_future()
        self._ended: asyncio.Future[None] | None = None
        self._is_delivered = False

    async def run(self, deliver: Callable[..., object]) -> None:
        """Call the function. Runs in the trio thread, where only a cancellation leaves it."""
        result: outcome.Outcome[Any] = outcome.Error(CallCutOffError())
        try:
            with self._scope:
                result = outcome.Value(await self._function())
        except trio.Cancelled:
            raise
        except BaseException as error:  # noqa: ASYNC103, BLE001 (raised in the caller's task)
            result = outcome.Error(error)
        finally:
            deliver(self.deliver, result)

    def cut_off(self) -> None:
        """Take that the call cannot be run any more, in the thread of the asyncio loop."""
        self.deliver(outcome.Error(CallCutOffError()))

    def deliver(self, result: outcome.Outcome[Any]) -> None:
        """Take the result, in the thread of the asyncio loop."""
        self._is_delivered = True
        if not self._result.done():
            if isinstance(result, outcome.Value):
                self._result.set_result(result.value)
            else:
                assert isinstance(result, outcome.Error)
                self._result.set_exception(result.error)
                self._result.exception()  # its caller may be gone with its loop: no complaint then
        else:
            self._keep_late(result)
            if self._ended is not None and not self._ended.done():
                self._ended.set_result(None)

    def _keep_late(self, result: outcome.Outcome[Any]) -> None:
        if self._keep is not None and isinstance(result, outcome.Value):
            self._keep(result.value)

    async def wait(self, post: Callable[..., None]) -> T:
        """Return the result, in the asyncio task.

        Args:
            post: calls a function in the trio thread.
        """
        try:
            return await self._result
        except asyncio.CancelledError:
            if not self._is_delivered:
                post(self._scope.cancel)
                self._ended = asyncio.get_running_loop().create_future()
                # However often it is cancelled meanwhile.
                await wait_uncancelled(self._ended)  # noqa: ASYNC102
            elif not self._result.cancelled() and self._result.exception() is None:
                # It arrived, and its caller was cancelled before it ran again.
                self._keep_late(outcome.Value(self._result.result()))
            raise


async def wait_uncancelled(future: "asyncio.Future[T]") -> tuple[T, bool]:
    """Return a future's result, and whether the task was cancelled meanwhile."""
    cancelled = False
    while True:
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:  # noqa: ASYNC103 (its caller raises it at the end)
            cancelled = True
        else:
            return future.result(), cancelled
