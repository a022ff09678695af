"""A watch for a message that must not wait for those before it."""

from collections.abc import Callable
from typing import Final

from .http2_limits import MESSAGE_PREFIX_BYTES

_LENGTH: Final = slice(1, MESSAGE_PREFIX_BYTES)


class MessageWatch:
    """Watches the incoming bytes of a call for one message that is known byte for byte.

    A client's CANCEL comes after all the chunks that it has sent. While the pipeline is full, those
    are not read. So the watch finds this one message as its bytes arrive: it follows the length
    prefixes from message to message.
    """

    def __init__(self, message: bytes, found: Callable[[], None]) -> None:
        self._message = message
        self._found = found
        self._prefix = bytearray()
        self._body = bytearray()
        self._left = 0  # bytes of the current message that are missing
        self._collects = False

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Check the next bytes of the stream."""
        position, end = 0, len(data)
        if self._left >= end and not self._collects:  # as most pieces: within another message
            self._left -= end
            return
        while position < end:
            if self._left:
                step = min(self._left, end - position)
                if self._collects:
                    self._body += data[position : position + step]
                self._left -= step
                position += step
                if not self._left and self._collects and self._body == self._message:
                    self._found()
                continue
            step = min(MESSAGE_PREFIX_BYTES - len(self._prefix), end - position)
            self._prefix += data[position : position + step]
            position += step
            if len(self._prefix) == MESSAGE_PREFIX_BYTES:
                self._left = int.from_bytes(self._prefix[_LENGTH], "big")
                # Only a message of the right length can be the one: no other is copied.
                self._collects = self._left == len(self._message)
                self._prefix.clear()
                self._body.clear()
