"""Sends the requests of one stream."""

from typing import Protocol

from ..errors import InputError, MillraceError, SessionClosedError
from ..wire import StreamRequest, StreamResponse
from ..wire.codec import EncodeError
from .bridge import Bridge
from .call import CallEndedError, ClientCall
from .mover import Mover
from .response_reader import ResponseReader
from .servers import StreamCall


class RequestSender(Protocol):
    """Sends requests from the user's task, which runs under asyncio or trio."""

    async def send(self, request: StreamRequest) -> None:
        """Send a request; wait while the server's flow control window is full.

        Raises:
            InputError: the contract cannot carry the request.
            LimitError: the request is longer than allowed.
            SessionClosedError: the server has ended the stream.
            MillraceError: the stream failed.
        """

    async def end(self, request: StreamRequest) -> None:
        """Send the last request: CLOSE.

        Raises:
            MillraceError: as `send`.
        """

    async def half_close(self) -> None:
        """End the input without a request.

        Raises:
            MillraceError: the stream failed.
        """


class SenderToOne:
    """Sends the requests of a stream that stays at its server."""

    def __init__(self, opened: StreamCall, bridge: Bridge) -> None:
        self._call = opened.call
        self._responses = opened.responses
        self._bridge = bridge

    async def send(self, request: StreamRequest) -> None:
        """Send a request: see `RequestSender`."""
        await self._send(request, end=False)

    async def end(self, request: StreamRequest) -> None:
        """Send the last request: see `RequestSender`."""
        await self._send(request, end=True)

    async def half_close(self) -> None:
        """End the input: see `RequestSender`."""
        try:
            await self._bridge.run(self._call.end)
        except CallEndedError:
            self._responses.raise_failure()

    async def _send(self, request: StreamRequest, *, end: bool) -> None:
        message = _encoded(self._call, request)
        await self._bridge.checkpoint()
        try:
            if not self._call.try_send(message, end=end):
                await self._bridge.run(self._finish_sending, message, end)
        except CallEndedError as error:
            raise _why_ended(self._call, self._responses) from error

    async def _finish_sending(self, message: bytes, end: bool) -> None:
        await self._call.send(message, end=end)


class MovingSender:
    """Sends the requests of a stream to the server that it is at."""

    def __init__(self, mover: Mover, bridge: Bridge) -> None:
        self._mover = mover
        self._bridge = bridge

    async def send(self, request: StreamRequest) -> None:
        """Send a request: see `RequestSender`."""
        mover = self._mover
        message = _encoded(mover.current.call, request)
        await self._bridge.checkpoint()
        while True:
            while mover.is_switching:
                await self._bridge.run(mover.wait_switched)
            at = mover.current
            ended: CallEndedError | None = None
            try:
                if not at.call.try_send(message):
                    await self._bridge.run(at.call.send, message)
            except CallEndedError as error:
                ended = error
            if ended is None:
                return
            if not await self._bridge.run(mover.follow_input, at):
                raise _why_ended(at.call, at.responses) from ended

    async def end(self, _request: StreamRequest) -> None:
        """End the input: see `RequestSender`."""
        await self._bridge.run(self._mover.end_input, "close")
        self._mover.current.responses.raise_failure()

    async def half_close(self) -> None:
        """End the input: see `RequestSender`."""
        await self._bridge.run(self._mover.end_input, "close_input")
        self._mover.current.responses.raise_failure()


def _encoded(call: ClientCall[StreamResponse], request: StreamRequest) -> bytes:
    try:
        return call.encode(request)
    except EncodeError as error:
        raise InputError(f"this cannot be sent: {error}") from error


def _why_ended(call: ClientCall[StreamResponse], responses: ResponseReader) -> MillraceError:
    try:
        responses.raise_failure()
    except MillraceError as error:
        return error
    if not call.has_ended and call.is_connection_lost:  # with results that are not received yet
        return call.connection_lost()
    return SessionClosedError("the stream accepts no more chunks: it has ended")
