"""Runs each call as a trio task, while grpclib handles its HTTP/2 stream on asyncio."""

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import trio
import trio_asyncio
from grpclib.const import Cardinality, Handler
from grpclib.server import Stream

from ..errors import InternalError, MillraceError, sole_error
from ..wire.codec import Codec
from .call_errors import ShutdownError
from .server_call import ServerCall

_log = logging.getLogger("millrace.service")

CallHandler = Callable[[ServerCall[Any, Any]], Awaitable[None]]
"""Answers one call. The error that it raises becomes the call's status."""


class CallRunner:
    """Runs the calls of a server as tasks of one trio nursery.

    Attributes:
        active: how many counted calls are running.
    """

    def __init__(
        self, nursery: trio.Nursery, loop: trio_asyncio.TrioEventLoop, codec: Codec, most_bytes: int
    ) -> None:
        self.active = 0
        self._idle = trio.Event()
        self._nursery = nursery
        self._loop = loop
        self._codec = codec
        self._most_bytes = most_bytes
        # grpclib starts calls from asyncio callbacks; a trio task must not inherit their context.
        self._context = contextvars.copy_context()

    def grpclib_handler(
        self,
        handler: CallHandler,
        cardinality: Cardinality,
        request_type: type[Any],
        response_type: type[Any],
        *,
        counts: bool = True,
    ) -> Handler:
        """Return the handler of an rpc in grpclib's form.

        Args:
            handler: answers the rpc's calls.
            cardinality: which sides stream.
            request_type: the class of the requests.
            response_type: the class of the responses.
            counts: whether a server that shuts down waits for these calls.
        """

        async def handle(stream: "Stream[Any, Any]") -> None:
            with self._counted(int(counts)):
                await self._handle(stream, handler, request_type)

        return Handler(handle, cardinality, request_type, response_type)

    async def wait_idle(self) -> None:
        """Wait until no counted call is running."""
        while self.active:
            self._idle = trio.Event()
            await self._idle.wait()

    @contextmanager
    def _counted(self, count: int) -> Iterator[None]:
        self.active += count
        try:
            yield
        finally:
            self.active -= count
            if not self.active:
                self._idle.set()

    async def _handle(
        self, stream: "Stream[Any, Any]", handler: CallHandler, request_type: type[Any]
    ) -> None:
        """Run a call as a trio task, and wait for its end. Runs on asyncio.

        A cancellation cancels the task. This still waits for it, so that the session has ended when
        the call has.
        """
        call: ServerCall[Any, Any] = ServerCall(
            stream, request_type, self._codec, self._loop, most_bytes=self._most_bytes
        )
        await call.send_headers()
        finished: asyncio.Future[MillraceError | None] = self._loop.create_future()
        scope = trio.CancelScope()
        self._context.run(self._nursery.start_soon, self._run, call, handler, scope, finished)
        cancelled: asyncio.CancelledError | None = None
        while not finished.done():
            try:
                await asyncio.shield(finished)
            except asyncio.CancelledError as error:  # noqa: ASYNC103 (raised again below)
                cancelled = error
                scope.cancel()
        if cancelled is not None:
            raise cancelled
        # The call counts until its status is sent, so this must not leave it to grpclib.
        await call.send_status(finished.result())

    async def _run(
        self,
        call: ServerCall[Any, Any],
        handler: CallHandler,
        scope: trio.CancelScope,
        finished: "asyncio.Future[MillraceError | None]",
    ) -> None:
        outcome: MillraceError | None = ShutdownError("the server is shutting down")
        try:
            with scope:
                outcome = await _outcome(call, handler)
        finally:
            finished.set_result(outcome)


async def _outcome(call: ServerCall[Any, Any], handler: CallHandler) -> MillraceError | None:
    """Answer a call; return the error for its status."""
    try:
        await handler(call)
    except Exception as error:  # noqa: BLE001 (any error ends this call only)
        real = sole_error(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(real, MillraceError):
            return real
        _log.error("call failed", exc_info=real, extra={"peer": call.peer})
        return InternalError("internal error; the server's log has more")
    return None
