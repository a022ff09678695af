"""Sound, images and films in the formats that PyAV reads."""

import io
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from actors import Array, Audio, PixelFormat, Video

from .av_library import av_faults, load_av
from .errors import MediaError

# What a decoder gives, and the packed format that keeps it best among the types of `Audio`.
_PACKED: Final = {
    **dict.fromkeys(("u8", "u8p", "s16", "s16p"), "s16"),
    **dict.fromkeys(("s32", "s32p"), "s32"),
}
_ANYTHING_ELSE: Final = "flt"


def read_av_audio(file: io.BufferedReader, name: str, chunk_seconds: float) -> Iterator[Audio]:
    """Yield the first audio stream in chunks of equal length; the last one is shorter.

    Integer samples stay integers (int16 or int32), all others come as float32.

    Raises:
        MediaError: the file has no sound, or it cannot be decoded.
        MissingExtraError: PyAV is not installed.
    """
    av = load_av(name)
    with _opened(av, file, name) as container:
        if not container.streams.audio:
            raise MediaError(f"{name}: has no sound")
        stream = container.streams.audio[0]
        blocks = _audio_blocks(av, container, stream, name)
        yield from _regrouped(blocks, chunk_seconds)


def read_image(file: io.BufferedReader, name: str, number: int = 0) -> Iterator[Video]:
    """Yield an image as an RGB24 frame.

    Raises:
        MediaError: it is no image that can be decoded.
        MissingExtraError: PyAV is not installed.
    """
    for frame in read_frames(file, name):
        yield Video(frame.pixels, frame.width, frame.height, PixelFormat.RGB24, number)
        return


def read_frames(file: io.BufferedReader, name: str) -> Iterator[Video]:
    """Yield the frames of the first video stream, RGB24, with their times.

    Raises:
        MediaError: the file has no pictures, or they cannot be decoded.
        MissingExtraError: PyAV is not installed.
    """
    av = load_av(name)
    with _opened(av, file, name) as container:
        if not container.streams.video:
            raise MediaError(f"{name}: has no pictures")
        frames = container.decode(container.streams.video[0])
        for number, frame in enumerate(_guarded(av, frames, name)):
            image = frame.to_ndarray(format="rgb24")
            height, width = image.shape[:2]
            # A stream's clock may begin before 0, as edit lists have it.
            microseconds = max(round((frame.time or 0) * 1_000_000), 0)
            yield Video(image, width, height, PixelFormat.RGB24, number, microseconds)


def _opened(av: Any, file: io.BufferedReader, name: str) -> Any:
    with av_faults(av, name, "read as sound or pictures"):
        return av.open(file)


def _guarded(av: Any, frames: Iterator[Any], name: str) -> Iterator[Any]:
    while True:
        with av_faults(av, name, "decoded"):
            frame = next(frames, None)
        if frame is None:
            return
        yield frame


def _audio_blocks(av: Any, container: Any, stream: Any, name: str) -> Iterator[tuple[Array, int]]:
    """Yield the decoded samples, shape (frames, channels), each with the sample rate."""
    resampler: Any = None
    for frame in _guarded(av, container.decode(stream), name):
        if resampler is None:
            packed = _PACKED.get(frame.format.name, _ANYTHING_ELSE)
            # Only the sample format changes; the rate and the channels are the nodes' to change.
            resampler = av.AudioResampler(
                format=packed, layout=frame.layout, rate=frame.sample_rate
            )
        with av_faults(av, name, "decoded"):
            converted = resampler.resample(frame)
        for each in converted:
            channels = each.layout.nb_channels
            yield each.to_ndarray().reshape(-1, channels), each.sample_rate


def _regrouped(blocks: Iterator[tuple[Array, int]], chunk_seconds: float) -> Iterator[Audio]:
    held: list[Array] = []
    count, rate = 0, 0
    for samples, sample_rate in blocks:
        rate = sample_rate
        wanted = max(round(rate * chunk_seconds), 1)
        held.append(samples)
        count += len(samples)
        if count < wanted:
            continue
        joined = held[0] if len(held) == 1 else np.concatenate(held)
        whole = count - count % wanted
        for start in range(0, whole, wanted):
            yield Audio(joined[start : start + wanted], rate)
        held, count = [joined[whole:]], count - whole
    if count:
        yield Audio(np.concatenate(held), rate)
