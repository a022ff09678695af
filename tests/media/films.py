"""Films for tests, and what PyAV finds in a film."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from actors import Audio, Video
from runtime.media import open_sink

WIDTH, HEIGHT = 96, 64
NTSC = Fraction(30_000, 1001)


def frames(
    count: int,
    rate: Fraction | int = 25,
    *,
    start: float = 0.0,
    size: tuple[int, int] | None = None,
) -> Iterator[Video]:
    """Yield frames with a red square that moves to the right by 1 pixel a frame."""
    width, height = size or (WIDTH, HEIGHT)
    for number in range(count):
        image = np.zeros((height, width, 3), np.uint8)
        image[20:36, number : number + 16, 0] = 255
        time = round((start + number / float(rate)) * 1e6)
        yield Video(image, width, height, frame_number=number, timestamp_us=time)


def tone(seconds: float, rate: int = 48_000, channels: int = 1) -> Audio:
    samples = 0.5 * np.sin(np.arange(round(seconds * rate)) * (2 * np.pi * 440 / rate))
    return Audio(np.repeat(samples.astype(np.float32)[:, None], channels, axis=1), rate)


def save_film(
    path: Path, count: int = 30, rate: Fraction | int = NTSC, *, sound_at_ms: int = 0
) -> Path:
    """Write a film of video and audio, equally long."""
    sink = open_sink(str(path))
    for frame in frames(count, rate):
        sink.write(frame, node_id="video", sequence=0)
    sound = tone(count / float(rate))
    sink.write(sound, node_id="audio", sequence=0, timestamp_ms=sound_at_ms)
    sink.close()
    return path


@dataclass(frozen=True)
class Film:
    """What a film has."""

    rate: Fraction | None
    frames: list[Any]
    starts: dict[str, float]
    seconds: dict[str, float]
    codecs: dict[str, str]
    container: str


def film_of(path: Path) -> Film:
    """Decode a film as a player does."""
    with av.open(str(path)) as container:
        rate: Fraction | None = None
        pictures: list[Any] = []
        times: dict[str, list[tuple[float, float]]] = {}
        codecs: dict[str, str] = {}
        for stream in container.streams:
            codecs[str(stream.type)] = stream.codec_context.name
            if stream.type == "video":
                rate = stream.average_rate
        frame: Any
        for frame in container.decode(*container.streams):
            if isinstance(frame, av.VideoFrame):
                pictures.append(frame.to_ndarray(format="rgb24"))
                times.setdefault("video", []).append((frame.time, 1 / float(rate or 25)))
            else:
                length = frame.samples / frame.sample_rate
                times.setdefault("audio", []).append((frame.time, length))
        name = container.format.name
    starts = {kind: min(start for start, _ in each) for kind, each in times.items()}
    ends = {kind: max(start + length for start, length in each) for kind, each in times.items()}
    seconds = {kind: ends[kind] - starts[kind] for kind in times}
    return Film(rate, pictures, starts, seconds, codecs, name)
