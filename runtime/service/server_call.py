"""One call at the server: its messages, for the trio task that answers it."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, TypeVar

import betterproto2
import trio
import trio_asyncio
from grpclib.const import Status

from ..errors import LimitError, MillraceError
from ..wire import (
    MESSAGE_PREFIX_BYTES,
    CompressedMessageError,
    MessageBuffer,
    MessageBytes,
    MessageError,
    MessageTooLongError,
    TakeMessage,
)
from ..wire.codec import Buffer, Codec, DecodeError, MessageLimitError
from ..wire.grpclib_adapter import ServerStream, StreamEndedError
from .call_errors import CallError, status_of

# A client that cancels a call at its deadline does so a little before the server would.
_CLOCK_SECONDS: Final = 0.25
# A chunk of audio has 12, with all that is nested in it, and each entry of its metadata 3.
_FEW_FIELDS: Final = 100

Request = TypeVar("Request", bound=betterproto2.Message)
Response = TypeVar("Response", bound=betterproto2.Message)


class ServerCall(Generic[Request, Response]):
    """One call, for the trio task that answers it.

    Attributes:
        peer: the client's address, for the log.
        authorization: the header of that name, which may hold a token; None if there is none.
        traceparent: the header of that name, not checked; None if there is none.

    Args:
        stream: of the call.
        request_type: the class of the requests; the codec is prepared for it.
        codec: of the messages.
        loop: asyncio's.
        decoding: limits how many long messages are decoded in threads.
        most_bytes: of one message.
    """

    def __init__(
        self,
        stream: ServerStream,
        request_type: type[Request],
        codec: Codec,
        loop: trio_asyncio.TrioEventLoop,
        decoding: trio.CapacityLimiter,
        *,
        most_bytes: int,
    ) -> None:
        self._stream = stream
        self.peer = stream.peer
        self.authorization = stream.request.authorization
        self.traceparent = stream.request.traceparent
        self._request_type = request_type
        self._codec = codec
        self._loop = loop
        self._decoding = decoding
        self._most_bytes = most_bytes
        timeout = stream.request.timeout_seconds
        self._deadline = math.inf
        if timeout is not None:
            self._deadline = trio.current_time() + timeout - _CLOCK_SECONDS
        self._sending = trio.Lock()
        self._writer = self._stream.writer
        self._buffer: MessageBuffer = self._stream.buffer

    @property
    def is_connected(self) -> bool:
        """Whether the connection of the call is open."""
        return self._stream.is_connected

    @property
    def is_overdue(self) -> bool:
        """Whether the client's deadline has passed, or is so near that the client saw it pass."""
        return trio.current_time() >= self._deadline

    def send_headers(self) -> None:
        """Send the headers, unless they are sent. The first message sends them, too."""
        self._stream.send_headers()

    def send_status(
        self, failure: MillraceError | None, more: Sequence[tuple[str, str]] = ()
    ) -> None:
        """End the call with the status of an error; None means OK.

        Args:
            failure: the error.
            more: further trailers.
        """
        if failure is None:
            self._stream.send_status(Status.OK, None, more)
        else:
            self._stream.send_status(status_of(failure), str(failure), more)

    def watch_for(self, message: Request, found: Callable[[], None]) -> None:
        """Call `found` when exactly this message arrives, even if earlier ones are not read yet."""
        self._buffer.watch_for(self._codec.encode(message), found)

    async def receive(self) -> Request | None:
        """Return the next message, or None when the client has ended its side.

        Raises:
            CallError: the message is longer than allowed, or cannot be decoded.
            LimitError: it holds more than a message may.
        """
        body = await self.receive_unless(None)
        return None if body is None else await self.decode(body)

    async def receive_unless(
        self, taken: TakeMessage | None, *, longest: float = math.inf
    ) -> MessageBytes | None:
        """Return the bytes of the next message that `taken` does not take.

        Args:
            taken: takes a message at once, on the task that reads the connection; see
                `MessageBuffer.receive`.
            longest: message to return, in bytes.

        Returns:
            The bytes; None when the client has ended its side.

        Raises:
            CallError: the message is longer than allowed, or compressed.
            LongMessageError: it is longer than `longest`; it can still be received.
        """
        try:
            return await self._buffer.receive(taken, longest=longest)
        except MessageError as error:
            raise self._refused(error) from error

    async def decode(self, body: MessageBytes) -> Request:
        """Return the message of these bytes.

        Raises:
            CallError: they are not a message.
            LimitError: it holds more than a message may.
        """
        try:
            message = self._codec.decode_short(body, self._request_type)
            if message is None:  # in a thread, so that other calls go on
                message = await trio.to_thread.run_sync(self._decode, body, limiter=self._decoding)
        except DecodeError as error:
            raise _not_a_message(error) from error
        return message

    def decode_small(self, body: MessageBytes) -> Request | None:
        """Return the message of these bytes; None if it has more fields than most chunks.

        Raises:
            MillraceError: as `decode`.
        """
        try:
            return self._codec.decode_short(body, self._request_type, most_fields=_FEW_FIELDS)
        except DecodeError as error:
            raise _not_a_message(error) from error

    @property
    def has_more(self) -> bool:
        """Whether more has arrived than `receive` has returned."""
        return not self._buffer.is_empty

    def _decode(self, body: MessageBytes) -> Request:
        return self._codec.decode(body, self._request_type)

    async def send(self, *messages: Response | list[Buffer]) -> None:
        """Send messages together; wait while the client's flow control window is full.

        Args:
            messages: each one, or its bytes with the prefix of gRPC, in pieces.

        Raises:
            LimitError: a message is longer than allowed.
        """
        buffers = self._encoded(messages)
        try:
            self._sending.acquire_nowait()  # `async with` would cost a turn of the scheduler
        except trio.WouldBlock:
            await self._sending.acquire()
        try:
            self._stream.send_headers()
            self._writer.add(buffers)
            await self._send_rest()
        finally:
            self._sending.release()

    @property
    def can_send(self) -> bool:
        """Whether `try_send` may send something."""
        return self._writer.is_empty and not self._sending.locked()

    def try_send(self, *messages: Response | list[Buffer]) -> bool:
        """Send messages together if they need not wait; return whether they were sent.

        Raises:
            LimitError: a message is longer than allowed.
        """
        if not self.can_send:
            return False
        buffers = self._encoded(messages)
        self._stream.send_headers()
        try:
            return self._writer.try_write(buffers, sum(map(len, buffers)))
        except StreamEndedError:
            return False  # `send` waits for the end of the call

    def _encoded(self, messages: Iterable[Response | list[Buffer]]) -> list[Buffer]:
        buffers: list[Buffer] = []
        for message in messages:
            if isinstance(message, list):
                pieces = message
            else:
                pieces = self._codec.encode_prefixed_buffers(message)
            size = sum(map(len, pieces)) - MESSAGE_PREFIX_BYTES
            if size > self._most_bytes:
                raise LimitError(
                    f"a result of {size} bytes; the server sends at most "
                    f"{self._most_bytes} (limits.max_message_bytes)"
                )
            buffers += pieces
        return buffers

    def _refused(self, error: MessageError) -> CallError:
        match error:
            case MessageTooLongError():
                return CallError(
                    Status.RESOURCE_EXHAUSTED,
                    f"a message of {error.length} bytes; the server takes at most "
                    f"{self._most_bytes} (limits.max_message_bytes): send smaller chunks",
                )
            case CompressedMessageError():
                return CallError(
                    Status.UNIMPLEMENTED,
                    "compressed messages are not supported; send them as they are",
                )
            case _:
                return CallError(
                    Status.INVALID_ARGUMENT, "the stream ends in the middle of a message"
                )

    async def _send_rest(self) -> None:
        """Send what the writer holds. After a cancellation, the next call continues with the rest.

        Otherwise the error message of a cancelled session would cut a result in its middle.
        """
        try:
            self._writer.try_send()
            if not self._writer.is_empty:
                await trio_asyncio.aio_as_trio(self._writer.send_as_allowed, loop=self._loop)()
        except StreamEndedError:
            # The call is over: grpclib cancels this task in a moment.
            await trio.sleep_forever()


def _not_a_message(error: DecodeError) -> MillraceError:
    """Return the error of a call for one of the codec."""
    if isinstance(error, MessageLimitError):
        return error
    return CallError(Status.INVALID_ARGUMENT, f"not a message: {error}")
