"""WAV files of 16 bits, written without a library, also to a pipe."""

import struct
from typing import Final

from actors import Audio

from .byte_output import ByteOutput
from .pcm import as_int16

_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
_HEADER_BYTES: Final = _HEADER.size
# Where the length is not known, or more than 32 bits can say, readers take it for "to the end".
_UNKNOWN: Final = 0xFFFFFFFF
# What the header of a file says that got no sound at all.
_SILENT_RATE_HZ: Final = 16000


class WaveWriter:
    """Writes chunks of audio of one format; `close` puts the length into the header."""

    def __init__(self, file: ByteOutput) -> None:
        self._file = file
        self._form: tuple[int, int] | None = None
        self._bytes = 0

    def write(self, audio: Audio) -> None:
        """Append a chunk; float samples are clipped at full scale."""
        if self._form is None:
            self._form = (audio.sample_rate, audio.channels)
            self._file.write_all(self._header(_UNKNOWN))
        data = as_int16(audio).tobytes()
        self._file.write_all(data)
        self._bytes += len(data)

    def finish(self) -> None:
        """Complete the header, where the file can go back to it."""
        if self._form is None:
            self._form = (_SILENT_RATE_HZ, 1)
            self._file.write_all(self._header(0))
        elif self._file.seekable() and self._bytes + _HEADER_BYTES < _UNKNOWN:
            self._file.seek(0)
            self._file.write_all(self._header(self._bytes))

    def _header(self, data_bytes: int) -> bytes:
        assert self._form is not None
        rate, channels = self._form
        riff_bytes = min(data_bytes + _HEADER_BYTES - 8, _UNKNOWN)
        frame_bytes = 2 * channels
        return _HEADER.pack(
            *(b"RIFF", riff_bytes, b"WAVE"),
            *(b"fmt ", 16, 1, channels, rate, rate * frame_bytes, frame_bytes, 16),
            *(b"data", data_bytes),
        )
