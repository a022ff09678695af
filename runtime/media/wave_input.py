"""WAV files, read without a library, also from a pipe and with a header that does not know the end.

The formats are PCM of 8, 16, 24 and 32 bits and float of 32 and 64, each also in the extensible
form, in RIFF and RF64 files. Others, such as A-law, are left to PyAV.
"""

import io
import logging
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from actors import Array, Audio

from .errors import MediaError

_log = logging.getLogger("millrace.media")

_PCM: Final = 1
_FLOAT: Final = 3
_EXTENSIBLE: Final = 0xFFFE
# What writers put there that cannot go back to the header when they know the length.
_UNKNOWN_FROM: Final = 0x7FFF0000
_LONGEST_SMALL_CHUNK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class WaveFormat:
    """What the header says.

    Attributes:
        tag: PCM or float, as the extensible form resolves.
        data_bytes: of sound; None means to the end of the file.
    """

    tag: int
    channels: int
    sample_rate: int
    bits: int
    data_bytes: int | None

    @property
    def is_supported(self) -> bool:
        """Whether this module decodes it."""
        return (self.tag, self.bits) in {
            *((_PCM, bits) for bits in (8, 16, 24, 32)),
            *((_FLOAT, bits) for bits in (32, 64)),
        }

    @property
    def frame_bytes(self) -> int:
        """The size of one sample of all channels."""
        return self.channels * self.bits // 8


def read_wave_header(file: io.BufferedReader, name: str) -> WaveFormat:
    """Read up to where the sound begins.

    Raises:
        MediaError: it is no WAV file, or its header is damaged or incomplete.
    """
    start = file.read(12)
    if not start:
        raise MediaError(f"{name}: is empty; expected a WAV file")
    if len(start) < 12 or start[:4] not in (b"RIFF", b"RF64") or start[8:] != b"WAVE":
        raise MediaError(f"{name}: is no WAV file: it does not begin with RIFF ... WAVE")
    (riff_bytes,) = struct.unpack_from("<I", start, 4)
    position, long_data_bytes = 12, None
    form: tuple[int, int, int, int] | None = None
    while True:
        head = file.read(8)
        if len(head) < 8:
            raise MediaError(f"{name}: ends before its sound begins: there is no data chunk")
        chunk, size = head[:4], int.from_bytes(head[4:], "little")
        position += 8
        if chunk == b"data":
            break
        if size > _LONGEST_SMALL_CHUNK and chunk in (b"fmt ", b"ds64"):
            raise MediaError(f"{name}: its {chunk.decode()} chunk claims {size} bytes")
        body = _skip_or_read(file, size + size % 2, keep=chunk in (b"fmt ", b"ds64"))
        position += size + size % 2
        if chunk == b"fmt ":
            form = _parse_format(body[:size], name)
        elif chunk == b"ds64" and len(body) >= 16:
            long_data_bytes = int.from_bytes(body[8:16], "little")
    if form is None:
        raise MediaError(f"{name}: has no fmt chunk before its sound")
    data_bytes: int | None = size
    if size >= _UNKNOWN_FROM:
        data_bytes = long_data_bytes or None
    elif size == 0 and riff_bytes + 8 <= position:
        # Either there is no sound, or nobody came back to say how much: what follows will tell.
        data_bytes = None
    return WaveFormat(*form, data_bytes)


def read_wave(
    file: io.BufferedReader, form: WaveFormat, name: str, chunk_seconds: float
) -> Iterator[Audio]:
    """Yield the sound in chunks; the last one is shorter.

    16 bits and fewer come as int16, 24 and 32 bits as int32, floats as float32. A file that ends
    earlier than its header says gives what is there, and a warning.
    """
    frames = max(round(form.sample_rate * chunk_seconds), 1)
    chunk_bytes = frames * form.frame_bytes
    left = form.data_bytes
    got = 0
    while left is None or left > 0:
        data = file.read(chunk_bytes if left is None else min(chunk_bytes, left))
        got += len(data)
        if left is not None:
            left -= len(data)
        whole = len(data) - len(data) % form.frame_bytes
        if whole:
            samples = _decoded(data[:whole], form).reshape(-1, form.channels)
            yield Audio(samples, form.sample_rate)
        if len(data) < chunk_bytes:
            break
    if left:
        seconds = got // form.frame_bytes / form.sample_rate
        _log.warning(
            "%s: ends early: %d bytes of sound are missing; %.2f s are there", name, left, seconds
        )


def _parse_format(body: bytes, name: str) -> tuple[int, int, int, int]:
    """Return the tag, the channels, the sample rate and the bits of a sample."""
    if len(body) < 16:
        raise MediaError(f"{name}: its fmt chunk has {len(body)} bytes; it needs 16")
    tag, channels, sample_rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        (tag,) = struct.unpack_from("<H", body, 24)
    if channels == 0 or sample_rate == 0:
        raise MediaError(f"{name}: its header says {channels} channels at {sample_rate} Hz")
    return tag, channels, sample_rate, bits


def _skip_or_read(file: io.BufferedReader, size: int, *, keep: bool) -> bytes:
    if keep:
        return file.read(size)
    while size > 0:
        skipped = len(file.read(min(size, _LONGEST_SMALL_CHUNK)))
        if not skipped:
            break
        size -= skipped
    return b""


def _decoded(data: bytes, form: WaveFormat) -> Array:
    if form.tag == _FLOAT:
        return np.frombuffer(data, f"<f{form.bits // 8}").astype(np.float32, copy=False)
    if form.bits == 8:
        return (np.frombuffer(data, np.uint8).astype(np.int16) - 128) << 8
    if form.bits == 24:
        # The three bytes become the upper ones of four, so that full scale stays full scale.
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return wide.reshape(-1).view("<i4")
    return np.frombuffer(data, f"<i{form.bits // 8}")
