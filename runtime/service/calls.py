"""The crossing: a call comes in on asyncio, and is answered by a trio task."""

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import betterproto2
import trio
import trio_asyncio
from grpclib.const import Cardinality, Handler, Status
from grpclib.server import Stream

from ..errors import InternalError, LimitError, MillraceError, sole_error
from ..wire import MESSAGE_PREFIX_BYTES
from ..wire.codec import Buffer, Codec, DecodeError
from ..wire.grpclib_adapter import ServerStream, StreamEndedError
from .faults import CallError, StoppingError, status_of
from .frames import FrameBuffer

Request = TypeVar("Request", bound=betterproto2.Message)
Response = TypeVar("Response", bound=betterproto2.Message)

_log = logging.getLogger("millrace.service")


class Call(Generic[Request, Response]):
    """One call, for the trio task that answers it.

    Attributes:
        peer: the client's address, for the log.
    """

    def __init__(
        self,
        stream: "Stream[Request, Response]",
        request_type: type[Request],
        codec: Codec,
        loop: trio_asyncio.TrioEventLoop,
        *,
        most_bytes: int,
    ) -> None:
        self._stream = ServerStream(stream)
        self.peer = self._stream.peer
        self._request_type = request_type
        self._codec = codec
        self._loop = loop
        self._most_bytes = most_bytes
        self._sending = trio.Lock()
        self._writer = self._stream.writer
        self._frames = FrameBuffer(self._stream.acknowledge, most_bytes=most_bytes)
        self._stream.replace_buffer(self._frames)

    async def send_headers(self) -> None:
        """Send the headers, from asyncio, before any message."""
        await self._stream.send_headers()

    async def send_status(self, failure: MillraceError | None) -> None:
        """End the call, from asyncio, with the status of an error; None means OK."""
        if failure is None:
            await self._stream.send_status(Status.OK, None)
        else:
            await self._stream.send_status(status_of(failure), str(failure))

    def watch_for(self, message: Request, found: Callable[[], None]) -> None:
        """Call `found` when this very message arrives, however many before it are still unread."""
        self._frames.watch_for(self._codec.encode(message), found)

    async def receive(self) -> Request | None:
        """Return the next message, or None when the client has ended its side.

        Raises:
            CallError: it is longer than allowed, or cannot be read.
        """
        body = await self._frames.receive()
        if body is None:
            return None
        try:
            return self._codec.decode(body, self._request_type)
        except DecodeError as error:
            raise CallError(Status.INVALID_ARGUMENT, f"not a message: {error}") from error

    async def send(self, *messages: Response) -> None:
        """Send messages, together; wait while the client does not read.

        Raises:
            LimitError: one is longer than allowed.
        """
        buffers: list[Buffer] = []
        for message in messages:
            frame = self._codec.encode_prefixed_buffers(message)
            size = sum(map(len, frame)) - MESSAGE_PREFIX_BYTES
            if size > self._most_bytes:
                raise LimitError(
                    f"a result of {size} bytes; the server sends at most "
                    f"{self._most_bytes} (limits.max_message_bytes)"
                )
            buffers += frame
        try:
            self._sending.acquire_nowait()  # `async with` would cost a turn of the scheduler
        except trio.WouldBlock:
            await self._sending.acquire()
        try:
            self._writer.add(buffers)
            await self._send_unsent()
        finally:
            self._sending.release()

    async def _send_unsent(self) -> None:
        """Send what is left; where that is cancelled, the next call begins with it.

        Otherwise the last word on a session that is cut off would stand in the middle of a result.
        """
        try:
            self._writer.try_send()
            if not self._writer.is_empty:
                await trio_asyncio.aio_as_trio(self._writer.send_as_allowed, loop=self._loop)()
        except StreamEndedError:
            # The call is over, and this task about to be cancelled.
            await trio.sleep_forever()


Answer = Callable[[Call[Any, Any]], Awaitable[None]]
"""Answers one call; what it raises becomes the call's status."""


class Calls:
    """Runs the calls of a server as tasks of one trio nursery.

    Attributes:
        active: how many are being answered that count.
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
        # A trio task that is started from a callback of asyncio must not take that for its context.
        self._context = contextvars.copy_context()

    def handler(
        self,
        answer: Answer,
        cardinality: Cardinality,
        request_type: type[Any],
        response_type: type[Any],
        *,
        counts: bool = True,
    ) -> Handler:
        """Return what grpclib calls for an rpc.

        Args:
            answer: answers it.
            cardinality: which side streams.
            request_type: of its requests.
            response_type: of its responses.
            counts: whether a server waits for it to end before it goes down.
        """

        async def handle(stream: "Stream[Any, Any]") -> None:
            with self._counted(int(counts)):
                await self._handle(stream, answer, request_type)

        return Handler(handle, cardinality, request_type, response_type)

    async def wait_idle(self) -> None:
        """Wait until no call that counts is being answered."""
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
        self, stream: "Stream[Any, Any]", answer: Answer, request_type: type[Any]
    ) -> None:
        """Answer a call, from asyncio: hand it to a trio task, and wait until that has ended.

        However often this is cancelled, it stays until the session is gone.
        """
        call: Call[Any, Any] = Call(
            stream, request_type, self._codec, self._loop, most_bytes=self._most_bytes
        )
        await call.send_headers()
        finished: asyncio.Future[MillraceError | None] = self._loop.create_future()
        scope = trio.CancelScope()
        self._context.run(self._nursery.start_soon, self._run, call, answer, scope, finished)
        cancelled: asyncio.CancelledError | None = None
        while not finished.done():
            try:
                await asyncio.shield(finished)
            except asyncio.CancelledError as error:  # noqa: ASYNC103 (raised again below)
                cancelled = error
                scope.cancel()
        if cancelled is not None:
            raise cancelled
        # Here, and not when this has returned: until it is sent, the call counts.
        await call.send_status(finished.result())

    async def _run(
        self,
        call: Call[Any, Any],
        answer: Answer,
        scope: trio.CancelScope,
        finished: "asyncio.Future[MillraceError | None]",
    ) -> None:
        outcome: MillraceError | None = StoppingError("the server is shutting down")
        try:
            with scope:
                outcome = await _outcome(call, answer)
        finally:
            finished.set_result(outcome)


async def _outcome(call: Call[Any, Any], answer: Answer) -> MillraceError | None:
    """Answer a call; return the error that its status is to say."""
    try:
        await answer(call)
    except Exception as error:  # noqa: BLE001 (whatever it is, it ends this call only)
        real = sole_error(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(real, MillraceError):
            return real
        _log.error("call failed", exc_info=real, extra={"peer": call.peer})
        return InternalError("internal error; the server's log has more")
    return None
