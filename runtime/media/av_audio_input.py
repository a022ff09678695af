"""Audio in the formats that PyAV reads."""

import io
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from actors import Array, Audio

from .av_library import av_errors, load_av
from .av_packets import decoded_frames, open_container
from .errors import MediaError
from .pcm import check_format, frames_per_chunk

# The packed sample format that keeps a decoder's format best among the dtypes of `Audio`.
_PACKED: Final = {
    **dict.fromkeys(("u8", "u8p", "s16", "s16p"), "s16"),
    **dict.fromkeys(("s32", "s32p"), "s32"),
}
_ANYTHING_ELSE: Final = "flt"


def read_av_audio(file: io.BufferedReader, name: str, chunk_seconds: float) -> Iterator[Audio]:
    """Yield the first audio stream in chunks of equal length; the last one is shorter.

    Integer samples stay integers (int16 or int32), all others become float32. Where the sample rate
    or the number of channels changes within the stream, the chunk before ends there.

    Raises:
        MediaError: the file has no audio, or none of it can be decoded.
        MissingExtraError: PyAV is not installed.
    """
    av = load_av(name)
    with open_container(av, file, name) as container:
        if not container.streams.audio:
            hint = "; --input-kind video reads its pictures" if container.streams.video else ""
            raise MediaError(f"{name}: has no sound{hint}")
        stream = container.streams.audio[0]
        yield from _in_chunks(_blocks(av, container, stream, name), chunk_seconds, name)


def _blocks(av: Any, container: Any, stream: Any, name: str) -> Iterator[tuple[Array, int]]:
    """Yield decoded samples of shape (frames, channels), each with the sample rate."""
    resampler: Any = None
    current: tuple[str, str, int] | None = None
    for frame in decoded_frames(av, container, stream, name):
        with av_errors(av, name, "decoded"):
            found = (frame.format.name, frame.layout.name, frame.sample_rate)
            if found != current:
                check_format(frame.sample_rate, frame.layout.nb_channels, name)
                # Only the sample format changes here, so a resampler that is replaced holds no
                # samples. Rate and channels are for the nodes to change.
                resampler = av.AudioResampler(
                    format=_PACKED.get(frame.format.name, _ANYTHING_ELSE),
                    layout=frame.layout,
                    rate=frame.sample_rate,
                )
                current = found
            converted = [
                (each.to_ndarray().reshape(-1, each.layout.nb_channels), each.sample_rate)
                for each in resampler.resample(frame)
            ]
        yield from converted


def _in_chunks(
    blocks: Iterator[tuple[Array, int]], chunk_seconds: float, name: str
) -> Iterator[Audio]:
    held: list[Array] = []
    count = rate = wanted = 0
    for samples, sample_rate in blocks:
        if held and (
            sample_rate != rate
            or samples.shape[1] != held[0].shape[1]
            or samples.dtype != held[0].dtype
        ):
            if count:
                yield Audio(np.concatenate(held), rate)
            held, count = [], 0
        if not held:
            rate = sample_rate
            frame_bytes = samples.shape[1] * samples.itemsize
            wanted = frames_per_chunk(rate, frame_bytes, chunk_seconds, name)
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
