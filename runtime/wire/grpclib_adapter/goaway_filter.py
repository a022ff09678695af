"""Takes graceful GOAWAY frames out of what a server sends: its running calls go on after them.

h2 takes any GOAWAY for the end of a connection, and grpclib then ends the calls that run on it. RFC
9113, 6.8, lets calls go on that the server has accepted: those up to the last one that it names.
"""

import struct
from typing import Final

_HEADER: Final = struct.Struct(">BHBBI")
_GOAWAY: Final = 7
_NUMBERS: Final = struct.Struct(">II")  # the last stream, and the error code
_HIGHEST_STREAM: Final = 2**31 - 1
# One with more text than this goes to h2.
_MOST_BYTES: Final = 16384


class GoawayFilter:
    """Reads the headers of all frames of one connection."""

    def __init__(self) -> None:
        self._left = 0  # of a frame whose header is read
        self._rest = b""

    def feed(self, data: bytes) -> tuple[bytes, int | None]:
        """Return the bytes for h2, and the last stream that a graceful GOAWAY among them named."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        position, passed, end = self._left, 0, len(data)
        kept: list[bytes] = []
        last: int | None = None
        while end - position >= _HEADER.size:
            high, low, kind, _, stream = _HEADER.unpack_from(data, position)
            length = high << 16 | low
            after = position + _HEADER.size + length
            if kind == _GOAWAY and not stream and _NUMBERS.size <= length <= _MOST_BYTES:
                if after > end:
                    break  # the rest of it comes with the next bytes
                number, error_code = _NUMBERS.unpack_from(data, position + _HEADER.size)
                if not error_code:
                    last = number & _HIGHEST_STREAM
                    kept.append(data[passed:position])
                    passed = after
            position = after
        self._left = max(0, position - end)
        if position < end:
            self._rest, end = data[position:], position
        if not passed and end == len(data):
            return data, last
        return b"".join([*kept, data[passed:end]]), last
