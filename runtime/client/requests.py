"""Sends the requests of one stream."""

from ..errors import InputError, MillraceError, SessionClosedError
from ..wire import StreamRequest, StreamResponse
from ..wire.codec import EncodeError
from .bridge import Bridge
from .call import Call, CallEndedError
from .responses import Responses


class RequestSender:
    """Sends requests from the user's task, which runs under asyncio or trio."""

    def __init__(self, call: Call[StreamResponse], responses: Responses, bridge: Bridge) -> None:
        self._call = call
        self._responses = responses
        self._bridge = bridge

    async def send(self, request: StreamRequest, *, end: bool = False) -> None:
        """Send a request; wait while the server takes none.

        Args:
            request: what to send.
            end: whether it is the last.

        Raises:
            InputError: the contract cannot carry it.
            LimitError: it is longer than allowed.
            SessionClosedError: the server has ended the stream.
            MillraceError: the stream failed.
        """
        try:
            frame = self._call.frame_of(request)
        except EncodeError as error:
            raise InputError(f"this cannot be sent: {error}") from error
        await self._bridge.checkpoint()
        try:
            if not self._call.try_send(frame, end=end):
                await self._bridge.run(self._finish_sending, frame, end)
        except CallEndedError as error:
            raise self._why_ended() from error

    async def _finish_sending(self, frame: bytes, end: bool) -> None:
        await self._call.send(frame, end=end)

    def _why_ended(self) -> MillraceError:
        try:
            self._responses.look_for_failure()
        except MillraceError as error:
            return error
        return SessionClosedError("the stream takes no more: it has ended")
