"""WAV files of 16 bits, written without a library, also to a pipe."""

import struct
from typing import Final

from actors import Audio

from .audio_format import AudioFormat
from .byte_output import ByteOutput
from .errors import MediaError
from .pcm import as_int16

_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
_HEADER_BYTES: Final = _HEADER.size
# For a length that is not known, or needs more than 32 bits. Readers take it for "to the end".
_UNKNOWN: Final = 0xFFFFFFFF
# The header of a file without any audio needs a sample rate too.
_SILENT_RATE_HZ: Final = 16000
_MOST_FRAME_BYTES: Final = 0xFFFF


class WaveWriter:
    """Writes chunks of audio of one format; `finish` puts the length into the header."""

    def __init__(self, file: ByteOutput) -> None:
        self._file = file
        self._format: AudioFormat | None = None
        self._bytes = 0

    def begin(self, offered: AudioFormat) -> AudioFormat:
        """Begin the file, and return its format: the one that is offered.

        Raises:
            MediaError: the header has no room for it.
        """
        frame_bytes = 2 * offered.channels
        if frame_bytes > _MOST_FRAME_BYTES or frame_bytes * offered.sample_rate > _UNKNOWN:
            raise MediaError(
                f"{self._file.name}: a WAV file cannot have {offered}: its header has 16 bits for "
                "the bytes of a frame and 32 for those of a second"
            )
        self._format = offered
        self._file.write_all(self._header(_UNKNOWN))
        return offered

    def write(self, audio: Audio) -> None:
        """Append a chunk; float samples are clipped at full scale."""
        data = as_int16(audio).tobytes()
        self._file.write_all(data)
        self._bytes += len(data)

    def finish(self) -> None:
        """Complete the header, where the file can go back to it."""
        if self._format is None:
            self._format = AudioFormat(_SILENT_RATE_HZ, 1)
            self._file.write_all(self._header(0))
        elif self._file.seekable() and self._bytes + _HEADER_BYTES < _UNKNOWN:
            self._file.seek(0)
            self._file.write_all(self._header(self._bytes))

    def _header(self, data_bytes: int) -> bytes:
        assert self._format is not None
        rate, channels = self._format
        riff_bytes = min(data_bytes + _HEADER_BYTES - 8, _UNKNOWN)
        frame_bytes = 2 * channels
        return _HEADER.pack(
            *(b"RIFF", riff_bytes, b"WAVE"),
            *(b"fmt ", 16, 1, channels, rate, rate * frame_bytes, frame_bytes, 16),
            *(b"data", data_bytes),
        )
