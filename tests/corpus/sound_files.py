"""Files of audio, made for a test: whole, damaged, and with strange headers."""

import io
import math
import struct
from fractions import Fraction
from typing import Any

import numpy as np

RATE = 16000


def tone(seconds: float = 1.0, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """Return a tone as float32, shape (frames, channels)."""
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave.astype(np.float32)[:, np.newaxis], channels, axis=1)


def pcm(encoding: str, samples: np.ndarray) -> bytes:
    """Return float samples as PCM data, such as "<i2", ">i3" or "<f8"."""
    order, kind, size = encoding[0], encoding[1], int(encoding[2])
    if kind == "f":
        return bytes(samples.astype(f"{order}f{size}"))
    if size == 1:
        return bytes(np.round(samples * 127 + 128).astype(np.uint8))
    integers = np.round(samples * (2 ** (8 * size - 1) - 1)).astype(np.int64)
    if size != 3:
        return bytes(integers.astype(f"{order}i{size}"))
    wide = integers.astype(f"{order}i4").reshape(-1, 1).view(np.uint8)
    return bytes(wide[:, 1:] if order == ">" else wide[:, :3])


def wav(
    encoding: str = "<i2",
    *,
    seconds: float = 1.0,
    rate: int = RATE,
    channels: int = 1,
    magic: bytes = b"",
    tag: int = 0,
    claims: int | None = None,
    riff: int | None = None,
    claims_channels: int | None = None,
    claims_rate: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
    data: bytes | None = None,
) -> bytes:
    """Return a WAV file; the `claims` are what its header has in place of the truth."""
    order, size = encoding[0], int(encoding[2])
    body = pcm(encoding, tone(seconds, rate, channels)) if data is None else data
    head = struct.pack(
        order + "HHIIHH",
        tag or (3 if encoding[1] == "f" else 1),
        channels if claims_channels is None else claims_channels,
        rate if claims_rate is None else claims_rate,
        rate * channels * size & 0xFFFFFFFF,
        channels * size,
        size * 8,
    )
    claimed = len(body) if claims is None else claims
    chunks = b"WAVE" + before + b"fmt " + struct.pack(order + "I", 16) + head
    chunks += b"data" + struct.pack(order + "I", claimed) + body + after
    whole = len(chunks) if riff is None else riff
    return (
        (magic or (b"RIFX" if order == ">" else b"RIFF")) + struct.pack(order + "I", whole) + chunks
    )


def rf64() -> bytes:
    """Return a WAV file with the long sizes of broadcast recorders."""
    body = pcm("<i2", tone())
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, 0, len(body), len(body) // 2, 0)
    return wav(magic=b"RF64", before=ds64, claims=0xFFFFFFFF, riff=0xFFFFFFFF)


def encoded(
    container: str,
    codec: str,
    *,
    seconds: float = 1.0,
    rate: int = 44100,
    channels: int = 1,
) -> bytes:
    """Return a tone as PyAV encodes it."""
    import av

    out = io.BytesIO()
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    samples = np.round(tone(seconds, rate, channels) * 32767).astype(np.int16)
    with av.open(out, "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=rate)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()


def mp3(seconds: float = 1.0, rate: int = 44100, channels: int = 1) -> bytes:
    """Return an MP3 file without the frame that describes the others, as a radio stream has it."""
    data = encoded("mp3", "libmp3lame", seconds=seconds, rate=rate, channels=channels)
    first = data.index(b"\xff\xfb", data.index(b"Lavc") if b"Lavc" in data else 0)
    return data[first:]


def flac() -> bytes:
    """Return a FLAC file of two seconds."""
    return encoded("flac", "flac", seconds=2)


def ogg() -> bytes:
    """Return an Opus file of two seconds."""
    return encoded("ogg", "libopus", seconds=2, rate=48000)


def overwritten(data: bytes, start: float, end: float, with_: bytes = b"\0") -> bytes:
    """Return a file with a part of it, given as shares of its length, overwritten."""
    begin, stop = math.floor(len(data) * start), math.floor(len(data) * end)
    return data[:begin] + with_ * (stop - begin) + data[stop:]


def cut(data: bytes, share: float) -> bytes:
    """Return the first part of a file."""
    return data[: math.floor(len(data) * share)]
