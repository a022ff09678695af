"""One call's incoming messages: data of HTTP/2 on one side, whole gRPC messages on the other.

Both ends use it. It replaces grpclib's own buffer, which loses a part of a message when its reader
is cancelled, and wakes the reader for each frame.
"""

import math
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import numpy as np

from .http2_limits import MESSAGE_PREFIX_BYTES
from .message_watch import MessageWatch

# Pieces smaller than this are joined, so that a peer that sends its bytes one by one cannot make
# each of them cost a whole object.
_SMALL_BYTES: Final = 2048
_JOINED_BYTES: Final = 65536
# Small beside the window, so that the peer never waits for it; large beside most messages: an
# acknowledgement is a write, and with 32 KiB each message of 64 KB had one of its own.
_ACKNOWLEDGED_TOGETHER_BYTES: Final = 256 * 1024
# Longer messages are put together piece by piece, in steps.
_GATHERED_BYTES: Final = 2 * 1024 * 1024
_STEP_BYTES: Final = 1024 * 1024

Piece = bytes | bytearray | memoryview
MessageBytes = bytes | memoryview

TakeMessage = Callable[[MessageBytes], bool]
"""Takes a message at once, or returns False."""


class Waiter(Protocol):
    """Suspends the task that reads a buffer: the one part that depends on the event loop."""

    async def wait(self, step: Callable[[], bool] | None) -> None:
        """Wait until `wake` is called.

        Args:
            step: `wake` may call this instead, then or a little later; if it returns False or
                raises, this wait ends.
        """

    def wake(self) -> None:
        """Wake the task that waits; do nothing if its wait was cancelled."""

    async def checkpoint(self) -> None:
        """Let other tasks run, if this one has read for long; runs before each message."""

    async def give_way(self) -> None:
        """Let other tasks run."""


class MessageError(Exception):
    """The bytes of a call are not the messages that gRPC allows."""


class LongMessageError(Exception):
    """The next message is longer than its reader takes now."""


class CompressedMessageError(MessageError):
    """A message is compressed, which this end did not offer."""


class TruncatedMessageError(MessageError):
    """The stream ends in the middle of a message."""


class MessageTooLongError(MessageError):
    """A message is longer than allowed.

    Attributes:
        length: what its prefix announces, in bytes.
    """

    def __init__(self, length: int) -> None:
        super().__init__(f"{length} bytes")
        self.length = length


class MessageBuffer:
    """The incoming messages of one call, for one reader.

    grpclib calls `add`, `eof` and `unacked_size`, on the event loop that reads the socket.

    HTTP/2 flow control bounds the buffer: a byte is acknowledged, so that the peer may send
    another, when it was read, or when it belongs to a message that a reader waits for. So the
    buffer never holds more than the stream's window and one message. Where pieces are views, the
    memory behind them may be four times as much.

    Attributes:
        ended: whether the peer has ended its side.

    Args:
        waiter: suspends the reader.
        acknowledge: lets the peer send this many bytes more.
        most_bytes: of one message.
        on_end: called when the peer ends its side.
    """

    def __init__(
        self,
        waiter: Waiter,
        acknowledge: Callable[[int], None],
        *,
        most_bytes: int,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self.ended = False
        self._waiter = waiter
        self._acknowledge = acknowledge
        self._most_bytes = most_bytes
        self._on_end = on_end
        self._pieces: deque[Piece] = deque()
        self._offset = 0  # bytes of the first piece that are read
        self._available = 0
        self._due = 0  # to be acknowledged
        self._early = 0  # bytes of `_available` that `_due` counts already
        self._needed = 0
        self._has_reader = False
        self._watch: MessageWatch | None = None
        # The state of the current message, which survives a cancelled receive.
        self._prefix: bytes | None = None
        self._left: MessageBytes | None = None
        self._gathered: memoryview | None = None
        self._gathered_size = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing has arrived that is not read."""
        return not self._available

    def watch_for(self, message: bytes, found: Callable[[], None]) -> None:
        """Call `found` when exactly this message arrives, even if earlier ones are not read yet.

        Call it while no message is partly read.
        """
        self._watch = MessageWatch(message, found)
        read = self._offset
        for piece in self._pieces:
            self._watch.feed(piece[read:])
            read = 0

    def end_watch(self) -> None:
        """Forget what `watch_for` was given."""
        self._watch = None

    # Called by grpclib.

    def add(self, data: bytes | memoryview, ack_size: int) -> None:
        """Add the data of a frame; the rest of `ack_size` is padding."""
        size = len(data)
        self._due += ack_size - size  # padding is not read, so it is acknowledged at once
        if size:  # a flood of empty frames must leave nothing behind
            self._add_piece(data, size)
        if self._due >= _ACKNOWLEDGED_TOGETHER_BYTES:
            self._acknowledge_due()
        if self._watch is not None:
            self._watch.feed(data)

    def eof(self) -> None:
        """Mark the end: the peer sends no more."""
        self.ended = True
        self._wake()
        if self._on_end is not None:
            self._on_end()

    def unacked_size(self) -> int:
        """Return how many bytes were not acknowledged, and forget them: the call is over."""
        size = self._due + self._available - self._early
        self._due, self._early = 0, self._available
        return size

    # Called by the reader.

    def take(self) -> MessageBytes | None:
        """Return the next message if all of it has arrived.

        Raises:
            MessageError: it is compressed, or longer than allowed.
        """
        length = self._next_length()
        if length is None or self._available + self._gathered_size < length:
            return None
        if self._gathered is not None:
            self._gather_step(self._gathered, length - self._gathered_size)
            return self._end_gathering(self._gathered)
        return self._take_body(length)

    async def receive(
        self, taken: TakeMessage | None = None, *, longest: float = math.inf
    ) -> MessageBytes | None:
        """Return the next message that `taken` does not take; None if the peer has ended its side.

        When it is cancelled, the next call returns what this one would have returned.

        Args:
            taken: while this waits for a message, takes it at once, on the task that reads the
                connection, and returns True; or returns False, if it would have to wait.
            longest: message to return, in bytes.

        Raises:
            LongMessageError: the message is longer; it can still be received.
            MessageError: the message is compressed, longer than allowed, or incomplete at the end.
        """
        if self._available or self.ended:  # otherwise it waits, and others run
            await self._waiter.checkpoint()
        while (length := self._next_length()) is None or self._available < length:
            if length is not None and length > min(longest, _GATHERED_BYTES):
                break
            if self.ended:
                self._end()
                return None
            await self._wait_for(MESSAGE_PREFIX_BYTES if length is None else length, taken)
            if self._left is not None:
                left, self._left = self._left, None
                return left
        if length > longest:
            raise LongMessageError
        if length > _GATHERED_BYTES:
            return await self._gather(length)
        return self._take_body(length)

    def _next_length(self) -> int | None:
        """Return the length of the next message, if its prefix has arrived."""
        prefix = self._prefix
        if prefix is None:
            if self._available < MESSAGE_PREFIX_BYTES:
                return None
            prefix = self._prefix = self._read(MESSAGE_PREFIX_BYTES)
        if prefix[0]:
            raise CompressedMessageError
        length = int.from_bytes(prefix[1:], "big")
        if length > self._most_bytes:
            raise MessageTooLongError(length)
        return length

    def _take_body(self, length: int) -> bytes:
        self._prefix = None
        return self._read(length)

    async def _gather(self, length: int) -> memoryview | None:
        """Return `length` bytes, read-only, copied together as they arrive.

        All at once would block the event loop: most of the time goes into page faults of so much
        new memory. numpy asks for large pages.
        """
        if self._gathered is None:
            self._gathered, self._gathered_size = np.empty(length, np.uint8).data, 0
        gathered = self._gathered
        while self._gathered_size < length:
            if self._available:
                await self._waiter.give_way()
            elif self.ended:
                self._end()
            else:
                await self._wait_for(1)
            missing = length - self._gathered_size
            self._gather_step(gathered, min(missing, self._available, _STEP_BYTES))
        return self._end_gathering(gathered)

    def _gather_step(self, gathered: memoryview, size: int) -> None:
        position = self._gathered_size
        for part in self._take_pieces(size):
            gathered[position : position + len(part)] = part
            position += len(part)
        self._gathered_size = position

    def _end_gathering(self, gathered: memoryview) -> memoryview:
        self._prefix = self._gathered = None
        self._gathered_size = 0
        return gathered.toreadonly()

    def _end(self) -> None:
        """Return at the end of the stream.

        Raises:
            TruncatedMessageError: a part of a message is left.
        """
        if not self._available and self._prefix is None:
            return
        self._due += self._available - self._early
        self._available = self._early = self._offset = self._gathered_size = 0
        self._pieces.clear()
        self._prefix = self._gathered = None
        raise TruncatedMessageError

    async def _wait_for(self, size: int, taken: TakeMessage | None = None) -> None:
        step = None if taken is None else partial(self._step, taken)
        self._need(size)
        self._has_reader = True
        try:
            await self._waiter.wait(step)
        finally:
            self._has_reader = False

    def _need(self, size: int) -> None:
        # What has arrived of the awaited message takes no more room of the window.
        self._due += self._available - self._early
        self._early = self._available
        if self._due >= _ACKNOWLEDGED_TOGETHER_BYTES:
            self._acknowledge_due()
        self._needed = size

    def _step(self, taken: TakeMessage) -> bool:
        """Let `taken` have a message; return whether the reader may go on waiting for the next."""
        body, length = self._take_only_message(), None
        if body is None:
            try:
                length = self._next_length()
            except MessageError:
                return False  # the reader raises it
            if length is not None and self._available >= length:
                if length > _GATHERED_BYTES:
                    return False
                body, length = self._take_body(length), None
        if body is not None and not taken(body):
            self._left = body
            return False
        if self.ended or (length is None and self._available >= MESSAGE_PREFIX_BYTES):
            return False
        self._need(MESSAGE_PREFIX_BYTES if length is None else length)
        self._has_reader = True
        return True

    def _take_only_message(self) -> bytes | None:
        """Return the message if one frame has brought it, and nothing else is here."""
        if len(self._pieces) != 1 or self._offset or self._prefix is not None:
            return None
        piece = self._pieces[0]
        length = len(piece) - MESSAGE_PREFIX_BYTES
        if (
            not isinstance(piece, bytes)
            or not 0 <= length <= self._most_bytes
            or piece[:MESSAGE_PREFIX_BYTES] != length.to_bytes(MESSAGE_PREFIX_BYTES, "big")
        ):
            return None
        self._pieces.clear()
        self._count_read(len(piece))
        return piece[MESSAGE_PREFIX_BYTES:]

    def _count_read(self, size: int) -> None:
        self._available -= size
        self._due += max(size - self._early, 0)
        self._early = max(self._early - size, 0)
        if self._due >= _ACKNOWLEDGED_TOGETHER_BYTES:
            self._acknowledge_due()

    def _wake(self) -> None:
        if self._has_reader:
            self._has_reader = False
            self._waiter.wake()

    def _add_piece(self, data: bytes | memoryview, size: int) -> None:
        self._available += size
        last = self._pieces[-1] if self._pieces else None
        completes = self._has_reader and self._available >= self._needed
        if size >= _SMALL_BYTES or completes:
            self._pieces.append(data)
        elif isinstance(last, bytearray) and len(last) < _JOINED_BYTES:
            last += data
        else:
            self._pieces.append(bytearray(data))
        if self._has_reader:
            self._due += size
            self._early += size
        if completes:
            self._wake()

    def _acknowledge_due(self) -> None:
        due, self._due = self._due, 0
        self._acknowledge(due)

    def _read(self, size: int) -> bytes:
        parts = self._take_pieces(size)
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def _take_pieces(self, size: int) -> list[Piece]:
        """Return the next `size` bytes, which have arrived, in pieces."""
        self._count_read(size)
        parts: list[Piece] = []
        while size:
            piece = self._pieces[0]
            end = self._offset + size
            if end < len(piece):
                part = piece[self._offset : end]
                self._offset = end
                size = 0
            else:
                part = piece[self._offset :] if self._offset else piece
                size -= len(part)
                self._pieces.popleft()
                self._offset = 0
            parts.append(part)
        return parts
