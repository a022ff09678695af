"""What has come in over one call: HTTP/2 data on one side, whole gRPC messages on the other.

It takes the place of grpclib's own buffer of a call, so that a message crosses from asyncio to trio
by waking the task that waits for it, and by nothing else.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np
import trio
from grpclib.const import Status

from .call_errors import CallError
from .lookahead import LookAhead

_HEADER_BYTES: Final = 5
# Pieces smaller than this are put together, so that a client that sends its bytes one by one cannot
# make each of them cost a whole object.
_SMALL_BYTES: Final = 2048
_JOINED_BYTES: Final = 65536
# Small beside the window, so that a client never waits for it; large beside a message of speech.
_ACKNOWLEDGED_TOGETHER: Final = 32 * 1024
# A reader that always finds a message still lets others run this often. With five times as much, a
# flood of small messages makes another session wait twice as long, and is hardly faster itself.
_SLICE_SECONDS: Final = 0.0001
# Longer messages are put together piece by piece, so much at a time.
_GATHERED_BYTES: Final = 2 * 1024 * 1024
_STEP_BYTES: Final = 1024 * 1024
_TRUNCATED: Final = "the stream ends in the middle of a message"

Piece = bytes | bytearray | memoryview


class FrameBuffer:
    """The messages of one call, read by one task; `add` and `eof` are what grpclib calls.

    HTTP/2 flow control is what bounds it: a byte is acknowledged, so that the client may send
    another, when it was read, or when it belongs to a message that a reader waits for. So it never
    has more than the stream's window and one message. Where pieces are views, what they are views
    of may be four times as much.
    """

    def __init__(self, acknowledge: Callable[[int], None], *, most_bytes: int) -> None:
        self._acknowledge = acknowledge
        self._most_bytes = most_bytes
        self._pieces: deque[Piece] = deque()
        self._offset = 0  # what is read of the first piece
        self._available = 0
        self._due = 0  # to be acknowledged
        self._early = 0  # what of `_available` was counted in `_due` already
        self._needed = 0
        self._ended = False
        self._reader: trio.lowlevel.Task | None = None
        self._look_ahead: LookAhead | None = None
        self._slice_end = 0.0

    def watch_for(self, message: bytes, found: Callable[[], None]) -> None:
        """Call `found` when this very message arrives, however many before it are still unread.

        Say so while nobody is in the middle of a message.
        """
        self._look_ahead = LookAhead(message, found)
        read = self._offset
        for piece in self._pieces:
            self._look_ahead.feed(piece[read:])
            read = 0

    # What grpclib calls, from asyncio.

    def add(self, data: bytes | memoryview, ack_size: int) -> None:
        """Take in what came; of `ack_size`, what is beyond its length is padding."""
        size = len(data)
        self._due += ack_size - size  # padding waits for nobody
        if size:  # else a flood of empty frames would leave a trace of each
            self._receive_requests(data, size)
        if self._due >= _ACKNOWLEDGED_TOGETHER:
            self._acknowledge_due()
        if self._look_ahead is not None:
            self._look_ahead.feed(data)

    def eof(self) -> None:
        """Take note that the client sends no more."""
        self._ended = True
        self._wake()

    def _receive_requests(self, data: bytes | memoryview, size: int) -> None:
        self._available += size
        last = self._pieces[-1] if self._pieces else None
        completes = self._reader is not None and self._available >= self._needed
        if size >= _SMALL_BYTES or completes:
            self._pieces.append(data)
        elif isinstance(last, bytearray) and len(last) < _JOINED_BYTES:
            last += data
        else:
            self._pieces.append(bytearray(data))
        if self._reader is not None:
            self._due += size
            self._early += size
        if completes:
            self._wake()

    def unacked_size(self) -> int:
        """Return what was not acknowledged, and forget it: the call is over."""
        size = self._due + self._available - self._early
        self._due, self._early = 0, self._available
        return size

    # What a trio task calls.

    async def receive(self) -> bytes | memoryview | None:
        """Return the next message's bytes, or None when the client has ended its side.

        Raises:
            CallError: it is longer than allowed, compressed, or ends in its middle.
        """
        if time.perf_counter() > self._slice_end:
            await trio.lowlevel.checkpoint()
            self._slice_end = time.perf_counter() + _SLICE_SECONDS
        header = await self._read(_HEADER_BYTES)
        if header is None:
            return None
        if header[0]:
            raise CallError(
                Status.UNIMPLEMENTED, "compressed messages are not supported; send them as they are"
            )
        length = int.from_bytes(header[1:], "big")
        if length > self._most_bytes:
            raise CallError(
                Status.RESOURCE_EXHAUSTED,
                f"a message of {length} bytes; the server takes at most {self._most_bytes} "
                "(limits.max_message_bytes): send smaller chunks",
            )
        if length > _GATHERED_BYTES:
            return await self._gather(length)
        body = await self._read(length)
        if body is None:
            raise CallError(Status.INVALID_ARGUMENT, _TRUNCATED)
        return body

    async def _read(self, size: int) -> bytes | None:
        """Return `size` bytes, or None when none are left and none will come."""
        if self._available < size:
            await self._wait_for(size)
            if self._available == 0 and size:
                return None
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        parts = self._take(size)
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    async def _gather(self, size: int) -> memoryview:
        """Return `size` bytes, read-only, put together as they come.

        All at once would hold the loop: most of the time goes into finding pages for so much. numpy
        asks for large ones.
        """
        gathered, position = np.empty(size, np.uint8).data, 0
        while position < size:
            if not self._available:
                await self._wait_for(1)
            else:
                await trio.lowlevel.checkpoint()
            step = min(size - position, max(self._available, 1), _STEP_BYTES)
            for part in self._take(step):
                gathered[position : position + len(part)] = part
                position += len(part)
        return gathered.toreadonly()

    async def _wait_for(self, size: int) -> None:
        # What is here of the message that is waited for takes no more room of the window.
        self._due += self._available - self._early
        self._early = self._available
        if self._due >= _ACKNOWLEDGED_TOGETHER:
            self._acknowledge_due()
        self._needed = size
        while self._available < size and not self._ended:
            self._reader = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._stop_waiting)
        self._slice_end = time.perf_counter() + _SLICE_SECONDS

    def _acknowledge_due(self) -> None:
        due, self._due = self._due, 0
        self._acknowledge(due)

    def _stop_waiting(self, _: object) -> trio.lowlevel.Abort:
        self._reader = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _wake(self) -> None:
        if self._reader is not None:
            reader, self._reader = self._reader, None
            trio.lowlevel.reschedule(reader)

    def _take(self, size: int) -> list[Piece]:
        """Return the next `size` bytes, in pieces.

        Raises:
            CallError: there are fewer, and no more will come.
        """
        if self._available < size:
            raise CallError(Status.INVALID_ARGUMENT, _TRUNCATED)
        self._available -= size
        self._due += max(size - self._early, 0)
        self._early = max(self._early - size, 0)
        if self._due >= _ACKNOWLEDGED_TOGETHER:
            self._acknowledge_due()
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
