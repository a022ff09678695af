"""Messages that must not wait for those before them."""

from collections.abc import Callable
from typing import Final

_HEADER_BYTES: Final = 5


class LookAhead:
    """Watches what comes in for one message that is known to the byte.

    A client's CANCEL stands behind all the chunks it sent before. While the pipeline is full,
    nobody reads those; so this one message is looked for as the bytes arrive, by following the
    lengths from message to message.
    """

    def __init__(self, message: bytes, found: Callable[[], None]) -> None:
        self._message = message
        self._found = found
        self._header = bytearray()
        self._body = bytearray()
        self._left = 0  # bytes of the current message that are still to come
        self._collects = False

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take in the next bytes of the stream."""
        position, end = 0, len(data)
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
            step = min(_HEADER_BYTES - len(self._header), end - position)
            self._header += data[position : position + step]
            position += step
            if len(self._header) == _HEADER_BYTES:
                self._left = int.from_bytes(self._header[1:], "big")
                self._collects = self._left == len(self._message)
                self._header.clear()
                self._body.clear()
