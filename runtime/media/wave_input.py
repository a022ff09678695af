"""WAV files, read without a library, also from a pipe and with a header that lacks the length.

The formats are PCM of 8, 16, 24 and 32 bits and float of 32 and 64, each also in the extensible
form, in RIFF, RIFX, RF64 and BW64 files. Others, such as A-law, are left to PyAV.
"""

import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from actors import Audio

from .errors import MediaError
from .pcm import PCM_BYTES, check_format, decode_pcm, frames_per_chunk

_log = logging.getLogger("millrace.media")

WAVE_MAGIC: Final = (b"RIFF", b"RIFX", b"RF64", b"BW64")
"""How a WAV file begins. RIFX is big-endian; RF64 and BW64 have lengths of 64 bits."""

_PCM: Final = 1
_FLOAT: Final = 3
_EXTENSIBLE: Final = 0xFFFE
# Writers put a length from here on where they cannot go back to the header.
_UNKNOWN_FROM: Final = 0x7FFF0000
_LONGEST_SMALL_CHUNK: Final = 1024 * 1024
_ENCODINGS: Final = {
    (_PCM, 8): "u8",
    **{(_PCM, bits): f"s{bits}" for bits in (16, 24, 32)},
    **{(_FLOAT, bits): f"f{bits}" for bits in (32, 64)},
}


@dataclass(frozen=True, slots=True)
class WaveFormat:
    """The header of a WAV file.

    Attributes:
        tag: PCM or float; the extensible form is resolved.
        data_bytes: of audio; None means to the end of the file.
        order: of the bytes, "little" or "big".
    """

    tag: int
    channels: int
    sample_rate: int
    bits: int
    data_bytes: int | None
    order: str = "little"

    @property
    def encoding(self) -> str | None:
        """The encoding of the samples as in `PCM_BYTES`; None if this module does not decode it."""
        stem = _ENCODINGS.get((self.tag, self.bits))
        return stem if stem in (None, "u8") else stem + ("be" if self.order == "big" else "le")


def read_wave_header(file: io.BufferedReader, name: str) -> WaveFormat:
    """Read up to the first byte of audio.

    Raises:
        MediaError: it is no WAV file, or its header is damaged or incomplete.
    """
    start = file.read(12)
    if not start:
        raise MediaError(f"{name}: is empty; expected a WAV file")
    if len(start) < 12 or start[:4] not in WAVE_MAGIC or start[8:] != b"WAVE":
        raise MediaError(f"{name}: is no WAV file: it does not begin with RIFF ... WAVE")
    return _HeaderReader(file, name, "big" if start[:4] == b"RIFX" else "little").read()


def read_wave(
    file: io.BufferedReader, form: WaveFormat, name: str, chunk_seconds: float
) -> Iterator[Audio]:
    """Yield the audio in chunks; the last one is shorter.

    A file that ends earlier than its header claims gives what is there, and a warning.
    """
    assert form.encoding is not None
    yield from read_pcm(
        file,
        form.encoding,
        form.sample_rate,
        form.channels,
        name,
        chunk_seconds,
        data_bytes=form.data_bytes,
    )
    rest = file.peek(4)[:4] if form.data_bytes else b""
    if len(rest) == 4 and not _is_chunk_name(rest.lstrip(b"\0") or b"    "):
        _log.warning(
            "%s: more bytes follow than its header claims, as of a recording that was not "
            "finished; they are not read",
            name,
        )


def read_pcm(
    file: io.BufferedReader,
    encoding: str,
    sample_rate: int,
    channels: int,
    name: str,
    chunk_seconds: float,
    *,
    data_bytes: int | None = None,
) -> Iterator[Audio]:
    """Yield PCM samples without a header in chunks; the last one is shorter.

    Args:
        file: at the first sample.
        encoding: one of `PCM_BYTES`.
        sample_rate: in Hz.
        channels: their number.
        name: the file, for messages.
        chunk_seconds: duration of a chunk.
        data_bytes: how much there is; None means to the end of the file.

    Raises:
        MediaError: a chunk would be longer than an item may be.
    """
    frame_bytes = channels * PCM_BYTES[encoding]
    chunk_bytes = frames_per_chunk(sample_rate, frame_bytes, chunk_seconds, name) * frame_bytes
    left = data_bytes
    got = 0
    while left is None or left > 0:
        data = file.read(chunk_bytes if left is None else min(chunk_bytes, left))
        got += len(data)
        if left is not None:
            left -= len(data)
        whole = len(data) - len(data) % frame_bytes
        if whole:
            yield Audio(decode_pcm(data[:whole], encoding).reshape(-1, channels), sample_rate)
        if len(data) < chunk_bytes:
            break
    if left:
        seconds = got // frame_bytes / sample_rate
        _log.warning(
            "%s: ends early: %d bytes of audio are missing; %.2f s are there", name, left, seconds
        )
    elif got % frame_bytes:
        _log.warning(
            "%s: the last %d bytes are no whole sample, and are ignored", name, got % frame_bytes
        )


class _HeaderReader:
    """Reads the chunks before the audio."""

    def __init__(self, file: io.BufferedReader, name: str, order: str) -> None:
        self._file = file
        self._name = name
        self._order = order
        self._position = 12

    def read(self) -> WaveFormat:
        """Return the header; the file is at the first byte of audio then."""
        long_data_bytes: int | None = None
        form: tuple[int, int, int, int] | None = None
        while True:
            head = self._file.read(8)
            if len(head) < 8:
                raise MediaError(f"{self._name}: ends before its audio: there is no data chunk")
            chunk, size = head[:4], self._number(head[4:])
            self._position += 8
            if chunk == b"data":
                break
            if size > _LONGEST_SMALL_CHUNK and chunk in (b"fmt ", b"ds64"):
                raise MediaError(f"{self._name}: its {chunk.decode()} chunk claims {size} bytes")
            body = self._body(size, keep=chunk in (b"fmt ", b"ds64"))
            if chunk == b"fmt ":
                form = self._format(body[:size])
            elif chunk == b"ds64" and len(body) >= 16:
                long_data_bytes = self._number(body[8:16])
        if form is None:
            raise MediaError(f"{self._name}: has no fmt chunk before its audio")
        data_bytes: int | None = size
        if size >= _UNKNOWN_FROM:
            data_bytes = long_data_bytes or None
        elif size == 0 and self._has_audio_all_the_same():
            _log.warning(
                "%s: its header gives no length, as of a recording that was not finished; read to "
                "the end of the file",
                self._name,
            )
            data_bytes = None
        return WaveFormat(*form, data_bytes, self._order)

    def _has_audio_all_the_same(self) -> bool:
        """Return whether audio follows a data chunk of size 0, and not another chunk or nothing."""
        follows = self._file.peek(8)[:8]
        if len(follows) < 8:
            return bool(follows)
        # Without the size of the file there is no telling a chunk from samples that look like one.
        return not _is_chunk_name(follows[:4]) or not self._fits(self._number(follows[4:]))

    def _fits(self, size: int) -> bool:
        raw = self._file.raw
        total = getattr(raw, "size_bytes", None)
        return total is None or self._position + 8 + size <= total

    def _format(self, body: bytes) -> tuple[int, int, int, int]:
        """Return the tag, the channels, the sample rate and the bits of a sample."""
        if len(body) < 16:
            raise MediaError(f"{self._name}: its fmt chunk has {len(body)} bytes; it needs 16")
        tag, channels, sample_rate, frame_bytes, bits = (
            self._number(body[start:end])
            for start, end in ((0, 2), (2, 4), (4, 8), (12, 14), (14, 16))
        )
        if tag == _EXTENSIBLE and len(body) >= 26:
            tag = self._number(body[24:26])
        check_format(sample_rate, channels, self._name)
        if tag in {_PCM, _FLOAT} and not frame_bytes:
            raise MediaError(
                f"{self._name}: claims samples of {bits} bits in 0 bytes, so its header is damaged"
            )
        return tag, channels, sample_rate, bits

    def _body(self, size: int, *, keep: bool) -> bytes:
        """Read a chunk, or skip it; chunks are padded to an even size."""
        size += size % 2
        self._position += size
        if keep:
            return self._file.read(size)
        while size > 0:
            skipped = len(self._file.read(min(size, _LONGEST_SMALL_CHUNK)))
            if not skipped:
                break
            size -= skipped
        return b""

    def _number(self, data: bytes) -> int:
        return int.from_bytes(data, "big" if self._order == "big" else "little")


def _is_chunk_name(name: bytes) -> bool:
    return all(32 <= byte < 127 for byte in name)
