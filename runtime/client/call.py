"""One call at the client: its messages, under HTTP/2 flow control. Runs on asyncio."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import betterproto2
from grpclib.const import Status

from ..errors import LimitError, MillraceError, ServerError, UnreachableError
from ..wire import (
    MESSAGE_PREFIX_BYTES,
    CompressedMessageError,
    MessageBuffer,
    MessageBytes,
    MessageError,
    MessageTooLongError,
)
from ..wire.codec import Codec, DecodeError
from ..wire.grpclib_adapter import ClientProtocol, ClientStream, StreamEndedError
from .asyncio_waiter import AsyncioWaiter
from .statuses import status_error

Response = TypeVar("Response", bound=betterproto2.Message)

# Before any message, they ask for another server: it shuts down, or is full.
_REFUSED: Final = {str(status.value) for status in (Status.UNAVAILABLE, Status.RESOURCE_EXHAUSTED)}

_NOT_FOUND: Final = str(Status.NOT_FOUND.value)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server, with what all calls to it share.

    Attributes:
        address: the server's address, for error messages.
        codec: encodes and decodes the messages.
        most_bytes: the most bytes of a message, in both directions.
        metadata: sent with every call.
    """

    address: str
    codec: Codec
    most_bytes: int
    metadata: Mapping[str, str]

    def encode(self, message: betterproto2.Message) -> bytes:
        """Return a message's bytes, with the length prefix.

        Raises:
            LimitError: the message is longer than allowed.
        """
        encoded = self.codec.encode_prefixed(message)
        size = len(encoded) - MESSAGE_PREFIX_BYTES
        if size > self.most_bytes:
            raise LimitError(
                f"a message of {size} bytes; this client sends at most "
                f"{self.most_bytes} (max_message_bytes): send smaller chunks"
            )
        return encoded


class CallEndedError(ServerError):
    """The server has ended a call that still had messages to send."""


class ClientCall(Generic[Response]):
    """One call. `send` and `receive` can run at the same time.

    A cancellation loses nothing: `receive` can be called again, and the next `send` completes a
    message of which a part was sent.

    Attributes:
        on_sent: is called with each message that is sent, or of which a part is; None: nothing.
    """

    on_sent: Callable[[bytes], None] | None = None

    def __init__(
        self, endpoint: Endpoint, protocol: ClientProtocol, response_type: type[Response]
    ) -> None:
        self._endpoint = endpoint
        self._response_type = response_type
        try:
            self._stream = ClientStream(protocol, self)
        except StreamEndedError as error:
            raise self.connection_lost() from error
        self._writer = self._stream.writer
        self._buffer = MessageBuffer(
            AsyncioWaiter(),
            self._stream.acknowledge,
            most_bytes=endpoint.most_bytes,
            on_end=self._writer.close,
        )
        self._sending = asyncio.Lock()
        self._is_reset = False
        self._has_message = False
        self._end_reason: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the server has ended the call, and all of its messages have arrived."""
        return self._buffer.ended

    @property
    def is_refused(self) -> bool:
        """Whether the server has refused the call, and another one may accept it."""
        last = self._last_headers()
        return not self._has_message and last is not None and last.get("grpc-status") in _REFUSED

    def trailer(self, name: str) -> str | None:
        """Return a trailer of a call that has ended; None if it has none of that name."""
        last = self._last_headers()
        return None if last is None else last.get(name)

    @property
    def is_unknown_here(self) -> bool:
        """Whether the server has nothing of the name that the call asks for."""
        return not self._has_message and self.trailer("grpc-status") == _NOT_FOUND

    @property
    def is_unanswered(self) -> bool:
        """Whether the connection was lost before the server's first message."""
        return not self._has_message and self.is_connection_lost

    @property
    def is_connection_lost(self) -> bool:
        """Whether the connection is closed or closes."""
        return self._stream.is_connection_lost

    def cancel(self, error: Exception) -> None:
        """Note that the call has ended without a status. grpclib calls this."""
        if not self._buffer.ended:
            self._end_reason = str(error)
            self._buffer.eof()

    async def open(self, headers: list[tuple[str, str]]) -> None:
        """Send the headers.

        Raises:
            UnreachableError: the connection is lost.
        """
        try:
            await self._stream.open(headers, self._buffer)
        except StreamEndedError as error:
            raise self.connection_lost() from error
        if self.is_connection_lost:
            self.cancel(ConnectionError("before the call started"))

    def encode(self, message: betterproto2.Message) -> bytes:
        """Return a message's bytes, with the length prefix, for `send`.

        Raises:
            LimitError: the message is longer than allowed.
        """
        return self._endpoint.encode(message)

    def try_send(self, message: bytes, *, end: bool = False) -> bool:
        """Send a message if that is possible without waiting; return whether it was sent.

        Raises:
            CallEndedError: the call has ended.
        """
        if self._sending.locked() or not self._writer.is_empty:
            return False
        with _call_ended():
            if self._writer.room() < len(message):
                return False
            self._writer.add([message])
            self._writer.write(len(message))
            self._note_sent(message)
            if end:
                self._stream.end()
        return True

    async def send(self, message: bytes, *, end: bool = False) -> None:
        """Send a message; wait while the server's flow control window is full.

        Args:
            message: made by `encode`.
            end: whether it is the last message.

        Raises:
            CallEndedError: the call has ended.
        """
        async with self._sending:
            with _call_ended():
                await self._writer.send_as_allowed()  # the rest of a cancelled send
                self._writer.add([message])
                try:
                    await self._writer.send_as_allowed()
                except asyncio.CancelledError:
                    if self._writer.left == len(message):
                        self._writer.clear()
                    else:
                        self._note_sent(message)  # the next send completes it
                    raise
                self._note_sent(message)
                if end:
                    self._stream.end()

    async def end(self) -> None:
        """Half-close the call: send no more messages.

        Raises:
            CallEndedError: the call has ended.
        """
        async with self._sending:
            with _call_ended():
                await self._writer.send_as_allowed()
                self._stream.end()

    async def receive(self) -> Response | None:
        """Return the next message, or None at the end of a call with status OK.

        Raises:
            MillraceError: the error of the status, or of an invalid message.
        """
        try:
            body = await self._buffer.receive()
        except MessageError as error:
            raise self._refused(error) from error
        if body is None:
            failure = self.error_at_end()
            if failure is not None:
                raise failure
            return None
        return self._decoded(body)

    def try_receive(self) -> Response | None:
        """Return the next message if all of it has arrived."""
        try:
            body = self._buffer.take()
        except MessageError as error:
            raise self._refused(error) from error
        return None if body is None else self._decoded(body)

    def error_at_end(self) -> MillraceError | None:
        """Return the error of a call that has ended; None for status OK."""
        address = self._endpoint.address
        if self._is_reset:
            return None
        last = self._last_headers()
        if last is not None:
            return status_error(last, address)
        if self.is_connection_lost:
            return UnreachableError(f"{address}: the connection was lost ({self._end_reason})")
        return ServerError(
            f"{address}: the server ended the call without a status ({self._end_reason})"
        )

    def reset(self) -> None:
        """Reset the call: the server cancels its work for it."""
        self._is_reset = True
        self._stream.reset()
        if not self._buffer.ended:
            self._buffer.eof()

    def close(self) -> None:
        """Release the call, and reset it if it has not ended."""
        self.reset()
        self._stream.release()

    def _note_sent(self, message: bytes) -> None:
        if self.on_sent is not None:
            self.on_sent(message)

    def connection_lost(self) -> UnreachableError:
        """Return the error of a call whose connection is lost."""
        return UnreachableError(f"{self._endpoint.address}: the connection was lost")

    def _refused(self, error: MessageError) -> MillraceError:
        match error:
            case MessageTooLongError():
                return LimitError(
                    f"the server sent a message of {error.length} bytes; this client takes at most "
                    f"{self._endpoint.most_bytes} (max_message_bytes)"
                )
            case CompressedMessageError():
                return ServerError(
                    "the server sent a compressed message, which this client does not support"
                )
            case _ if self.is_connection_lost:
                return self.connection_lost()
            case _:
                return ServerError(
                    f"{self._endpoint.address}: the server's stream ends in the middle of a message"
                )

    def _decoded(self, body: MessageBytes) -> Response:
        self._has_message = True
        try:
            return self._endpoint.codec.decode(body, self._response_type)
        except DecodeError as error:
            raise ServerError(
                f"{self._endpoint.address}: the server sent an invalid message: {error}"
            ) from error

    def _last_headers(self) -> Mapping[str, str] | None:
        headers, trailers = self._stream.headers(), self._stream.trailers()
        if trailers is not None:
            return {**headers, **trailers}
        # A server that refuses a call at once sends the status in the headers.
        return headers if "grpc-status" in headers or (headers and not self._end_reason) else None


@contextmanager
def _call_ended() -> Iterator[None]:
    """Translate the adapter's error of a stream that has ended."""
    try:
        yield
    except StreamEndedError as error:
        raise CallEndedError("the call has ended") from error
