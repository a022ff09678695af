"""What has come in over one call: HTTP/2 data on one side, whole gRPC messages on the other."""

import asyncio
from collections.abc import Callable
from typing import Final

from ..errors import LimitError, ServerError

_HEADER_BYTES: Final = 5


class MessageBuffer:
    """The messages of one call, for one reader; `add`, `eof` and `unacked_size` serve grpclib.

    It takes the place of grpclib's own buffer, since a reader of that one loses what it has read of
    a message when it is cancelled.

    HTTP/2 flow control bounds it: a byte is acknowledged, so that the server may send another, when
    its message was read, or when a reader waits for the rest of it. So it never holds more than the
    stream's window and one message.

    Attributes:
        ended: whether no more comes.
    """

    def __init__(
        self, acknowledge: Callable[[int], None], on_end: Callable[[], None], *, most_bytes: int
    ) -> None:
        self.ended = False
        self._acknowledge = acknowledge
        self._on_end = on_end
        self._most_bytes = most_bytes
        self._data = bytearray()
        self._unacknowledged = 0
        self._changed = asyncio.Event()

    def add(self, data: bytes, ack_size: int) -> None:
        """Take in what came."""
        self._data += data
        self._unacknowledged += len(data)
        self._acknowledge(ack_size - len(data))  # padding holds no data, and waits for nobody
        self._changed.set()

    def eof(self) -> None:
        """Take note that no more comes."""
        self.ended = True
        self._changed.set()
        self._on_end()

    def unacked_size(self) -> int:
        """Return what was not acknowledged, and forget it: the call is over."""
        size, self._unacknowledged = self._unacknowledged, 0
        return size

    def take(self) -> bytes | None:
        """Return the next message's bytes if they are all here.

        Raises:
            LimitError: it is longer than allowed.
            ServerError: it is compressed.
        """
        length = self._length()
        if length is None or len(self._data) < _HEADER_BYTES + length:
            return None
        end = _HEADER_BYTES + length
        with memoryview(self._data) as view:
            message = bytes(view[_HEADER_BYTES:end])
        del self._data[:end]
        read = self._unacknowledged - len(self._data)
        if read > 0:
            self._unacknowledged -= read
            self._acknowledge(read)
        return message

    async def receive(self) -> bytes | None:
        """Return the next message's bytes, or None when none is left and none will come.

        When it is cancelled, the next call returns what this one would have.

        Raises:
            LimitError: as `take`.
            ServerError: as `take`; or the stream ends in the middle of a message.
        """
        while (message := self.take()) is None:
            if self.ended:
                if self._data:
                    self._data.clear()
                    raise ServerError("the server's stream ends in the middle of a message")
                return None
            self._acknowledge(self.unacked_size())
            self._changed.clear()
            await self._changed.wait()
        return message

    def _length(self) -> int | None:
        if len(self._data) < _HEADER_BYTES:
            return None
        if self._data[0]:
            raise ServerError("the server sent a compressed message, which nobody asked for")
        length = int.from_bytes(self._data[1:_HEADER_BYTES], "big")
        if length > self._most_bytes:
            raise LimitError(
                f"the server sent a message of {length} bytes; this client takes at most "
                f"{self._most_bytes} (max_message_bytes)"
            )
        return length
