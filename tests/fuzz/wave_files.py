"""WAV files with any header: audio of a bounded chunk size, or a MediaError that names the file."""

import os
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

from hypothesis import strategies as st

from actors import Audio
from runtime.media import FileKind, MediaError, open_source

# Far above what chunks of a file of some KB need, far below what a lying header asks for.
_MOST_MEMORY_BYTES: Final = 32 * 1024 * 1024

_NUMBERS_16 = st.sampled_from([0, 1, 2, 3, 8, 16, 24, 32, 64, 0xFFFE, 0xFFFF]) | st.integers(
    0, 65535
)
_SIZES = st.sampled_from([0, 1, 16, 18, 40, 2**31 - 1, 2**31, 2**32 - 1]) | st.integers(0, 200)
_TAGS = st.sampled_from([1, 1, 1, 3, 3, 0xFFFE, 6, 0])
_RATES = st.sampled_from([0, 1, 8000, 16000, 44100, 192000, 2**31, 2**32 - 1]) | st.integers(
    0, 2**32 - 1
)


@st.composite
def _format_chunks(draw: st.DrawFn) -> bytes:
    channels, bits = draw(st.sampled_from([1, 2]) | _NUMBERS_16), draw(_NUMBERS_16)
    rate = draw(_RATES)
    fields = (draw(_TAGS), channels, rate, draw(_RATES), draw(_NUMBERS_16), bits)
    body = struct.pack("<HHIIHH", *fields) + draw(st.binary(max_size=40))
    size = draw(st.just(len(body)) | _SIZES)
    return b"fmt " + struct.pack("<I", size) + body


@st.composite
def _other_chunks(draw: st.DrawFn) -> bytes:
    name = draw(st.sampled_from([b"LIST", b"ds64", b"fact", b"JUNK", b"\0\0\0\0"]))
    body = draw(st.binary(max_size=40))
    return name + struct.pack("<I", draw(st.just(len(body)) | _SIZES)) + body


@st.composite
def _files(draw: st.DrawFn) -> bytes:
    start = draw(st.sampled_from([b"RIFF", b"RIFF", b"RF64", b"RIFX"]))
    chunks = draw(st.lists(_format_chunks() | _other_chunks(), max_size=4))
    sound = draw(st.binary(max_size=4000))
    data = b"data" + struct.pack("<I", draw(st.just(len(sound)) | _SIZES)) + sound
    body = b"WAVE" + b"".join(chunks) + data
    whole = start + struct.pack("<I", draw(st.just(len(body)) | _SIZES)) + body
    return whole[: draw(st.just(len(whole)) | st.integers(0, len(whole)))]


EXAMPLES: st.SearchStrategy[bytes] = _files()


@contextmanager
def opened() -> Iterator[Callable[[Any], None]]:
    """Return the check; nothing needs to be open."""
    yield check


def check(content: bytes) -> None:
    """Read the file to its end, as the command line does."""
    descriptor = os.memfd_create("example")
    try:
        os.write(descriptor, content)
        tracemalloc.start()
        samples = _read(f"/proc/self/fd/{descriptor}")
        _, peak = tracemalloc.get_traced_memory()
        assert peak < _MOST_MEMORY_BYTES, f"{peak} bytes for a file of {len(content)}"
        assert samples <= len(content)
    finally:
        tracemalloc.stop()
        os.close(descriptor)


def _read(path: str) -> int:
    """Return how many samples there are; 0 for a file that is refused."""
    samples = 0
    try:
        with closing(open_source(path, kind=FileKind.AUDIO)) as source:
            for item in source:
                assert isinstance(item, Audio)
                samples += item.samples.size
    except MediaError as refused:
        message = str(refused)
    else:
        message = path
    assert path in message
    return samples
