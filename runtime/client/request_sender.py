"""Sends the requests of one stream."""

from ..errors import InputError, MillraceError, SessionClosedError
from ..wire import StreamRequest, StreamResponse
from ..wire.codec import EncodeError
from .bridge import Bridge
from .call import CallEndedError, ClientCall
from .response_reader import ResponseReader


class RequestSender:
    """Sends requests from the user's task, which runs under asyncio or trio."""

    def __init__(
        self, call: ClientCall[StreamResponse], responses: ResponseReader, bridge: Bridge
    ) -> None:
        self._call = call
        self._responses = responses
        self._bridge = bridge

    async def send(self, request: StreamRequest, *, end: bool = False) -> None:
        """Send a request; wait while the server's flow control window is full.

        Args:
            request: the request.
            end: whether it is the last one.

        Raises:
            InputError: the contract cannot carry the request.
            LimitError: the request is longer than allowed.
            SessionClosedError: the server has ended the stream.
            MillraceError: the stream failed.
        """
        try:
            message = self._call.encode(request)
        except EncodeError as error:
            raise InputError(f"this cannot be sent: {error}") from error
        await self._bridge.checkpoint()
        try:
            if not self._call.try_send(message, end=end):
                await self._bridge.run(self._finish_sending, message, end)
        except CallEndedError as error:
            raise self._why_ended() from error

    async def _finish_sending(self, message: bytes, end: bool) -> None:
        await self._call.send(message, end=end)

    def _why_ended(self) -> MillraceError:
        try:
            self._responses.raise_failure()
        except MillraceError as error:
            return error
        return SessionClosedError("the stream accepts no more chunks: it has ended")
