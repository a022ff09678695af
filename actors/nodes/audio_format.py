"""AudioFormatNode."""

from dataclasses import replace
from typing import Final, Literal

import numpy as np

from ..actor import Actor
from ..data import Array, Audio
from ..kinds import Kind
from ..params import Field, Params

_DTYPES: Final = {"f32": np.float32, "i16": np.int16, "i32": np.int32}
_FULL_SCALE: Final = {"i16": 2.0**15, "i32": 2.0**31}


class AudioFormatParams(Params):
    """What the audio becomes."""

    sample_format: Literal["keep", "f32", "i16", "i32"] = Field(
        "keep", description="type of a sample; integers are full scale, and clip"
    )
    channels: Literal["keep", "mono", "stereo"] = Field(
        "keep", description="mono is the mean of all channels, stereo of mono is the same twice"
    )


class AudioFormatNode(Actor[AudioFormatParams]):
    """Change audio's sample format and its number of channels.

    In: audio. Out: the same audio in another form; untouched where nothing is to be changed. Stereo
    from more than two channels is the mean of all on both sides. FastResampleNode changes the rate.
    """

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.AUDIO})

    def process(self, item: Audio) -> Audio:
        """Return the audio in its new form."""
        samples = self._with_channels(item)
        wanted = self.params.sample_format
        if wanted != "keep" and samples.dtype != _DTYPES[wanted]:
            samples = _converted(Audio(samples, item.sample_rate).as_float(), wanted)
        return item if samples is item.samples else replace(item, samples=samples)

    def _with_channels(self, item: Audio) -> Array:
        wanted = {"keep": item.channels, "mono": 1, "stereo": 2}[self.params.channels]
        if wanted == item.channels:
            return item.samples
        mono = item.samples if item.channels == 1 else _mean(item)
        return np.repeat(mono, wanted, axis=1)


def _mean(item: Audio) -> Array:
    """Return the mean of all channels, in the samples' own type; shape (frames, 1)."""
    mean = item.samples.mean(axis=1, keepdims=True, dtype=np.float64)
    if item.samples.dtype != np.float32:
        mean = np.rint(mean)
    as_before: Array = mean.astype(item.samples.dtype)
    return as_before


def _converted(samples: Array, wanted: str) -> Array:
    if wanted == "f32":
        return samples
    scale = _FULL_SCALE[wanted]
    # What is not a number has no integer; silence is what a listener expects of it.
    numbers = np.nan_to_num(samples.astype(np.float64), nan=0.0)
    return np.clip(np.rint(numbers * scale), -scale, scale - 1).astype(_DTYPES[wanted])
