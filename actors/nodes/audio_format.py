"""AudioFormatNode."""

from collections.abc import Awaitable
from dataclasses import replace
from typing import Final, Literal

import numpy as np

from ..actor import Actor
from ..data import Array, Audio
from ..kinds import Kind
from ..params import Field, Params
from ._slices import PAUSE, SLICE_SAMPLES, Steps, audio_slices, result_of

_DTYPES: Final = {"f32": np.float32, "i16": np.int16, "i32": np.int32}
_FULL_SCALE: Final = {"i16": 2.0**15, "i32": 2.0**31}


class AudioFormatParams(Params):
    """The format that the audio becomes."""

    sample_format: Literal["keep", "f32", "i16", "i32"] = Field(
        "keep", description="type of a sample; integers are full scale, and clip"
    )
    channels: Literal["keep", "mono", "stereo"] = Field(
        "keep", description="mono is the mean of all channels, stereo of mono is the same twice"
    )


class AudioFormatNode(Actor[AudioFormatParams]):
    """Change audio's sample format and its number of channels.

    In: audio. Out: the same audio in another format; the same buffer where nothing is to be
    changed. Stereo from more than two channels is the mean of all on both sides. As an integer, NaN
    becomes 0 and infinity full scale. FastResampleNode changes the rate.
    """

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.AUDIO})
    stateless = True

    def process(self, item: Audio) -> Audio | Awaitable[Audio]:
        """Return the audio in its new format."""
        return result_of(self._changed(item))

    def _changed(self, item: Audio) -> Steps[Audio]:
        wanted = self.params.sample_format
        dtype = item.samples.dtype if wanted == "keep" else np.dtype(_DTYPES[wanted])
        channels = {"keep": item.channels, "mono": 1, "stereo": 2}[self.params.channels]
        if (dtype, channels) == (item.samples.dtype, item.channels):
            return item
        changed = self.context.loan((item.frames, channels), dtype)
        begin = 0
        for part in audio_slices(item, SLICE_SAMPLES // max(channels, 1)):
            if begin:
                yield PAUSE
            changed[begin : begin + part.frames] = _converted(part, channels, wanted)
            begin += part.frames
        return replace(item, samples=changed)


def _converted(part: Audio, channels: int, wanted: str) -> Array:
    samples = part.samples
    if channels != part.channels:
        mono = samples if part.channels == 1 else _mean(part)
        samples = np.repeat(mono, channels, axis=1)
    if wanted == "keep" or samples.dtype == _DTYPES[wanted]:
        return samples
    floats = Audio(samples, part.sample_rate).as_float()
    if wanted == "f32":
        return floats
    scale = _FULL_SCALE[wanted]
    # NaN has no integer; a listener expects silence of it.
    numbers = np.nan_to_num(floats.astype(np.float64), nan=0.0, posinf=1.0, neginf=-1.0)
    return np.clip(np.rint(numbers * scale), -scale, scale - 1).astype(_DTYPES[wanted])


def _mean(item: Audio) -> Array:
    """Return the mean of all channels, in the samples' own type; shape (frames, 1)."""
    with np.errstate(invalid="ignore"):  # the mean of both infinities is NaN
        mean = item.samples.mean(axis=1, keepdims=True, dtype=np.float64)
    if item.samples.dtype != np.float32:
        mean = np.rint(mean)
    as_before: Array = mean.astype(item.samples.dtype)
    return as_before
