"""Levels of audio: RMS, peak, decibels. Samples that are not finite are left out, and counted."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from ..data import Array, Audio
from ._slices import PAUSE, Steps, audio_slices

SILENCE_DB: Final = -120.0
"""The level of silence, in dB of full scale."""


@dataclass(slots=True)
class Levels:
    """The levels of samples that are added block by block.

    Attributes:
        count: of finite samples.
        non_finite: how many samples were NaN or infinite; they are left out of everything else.
        peak: the largest absolute value; 0 if there are no samples.
    """

    count: int = 0
    non_finite: int = 0
    peak: float = 0.0
    _square_sum: float = 0.0

    @classmethod
    def of(cls, block: Array) -> Self:
        """Return the levels of one block of float samples."""
        levels = cls()
        levels.add(block)
        return levels

    def add(self, block: Array) -> Array:
        """Add float samples of any shape, and return those of them that are finite."""
        square_sum = float(np.square(block, dtype=np.float64).sum())
        if not math.isfinite(square_sum):
            finite = block[np.isfinite(block)]
            self.non_finite += block.size - finite.size
            block = finite
            square_sum = float(np.square(block, dtype=np.float64).sum())
        self._square_sum += square_sum
        self.count += block.size
        self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
        return block

    @property
    def rms(self) -> float:
        """The root mean square; 0 if there are no samples."""
        return math.sqrt(self._square_sum / self.count) if self.count else 0.0

    @property
    def rms_db(self) -> float:
        """The root mean square in dB of full scale; -120 for silence."""
        return decibels(self.rms)

    def event_fields(self) -> dict[str, int]:
        """Return {"non_finite_samples": count} if there are any, for an analysis event."""
        return {"non_finite_samples": self.non_finite} if self.non_finite else {}


def levels_of(item: Audio) -> Steps[Levels]:
    """Measure a chunk of audio, all channels together, with pauses if it is large."""
    levels = Levels()
    for block in float_blocks(item):
        if block is PAUSE:
            yield PAUSE
        else:
            levels.add(block)
    return levels


def float_blocks(item: Audio) -> Iterator[Array | None]:
    """Yield a chunk of audio as float32 blocks of shape (frames, channels), PAUSE between two."""
    is_first = True
    for part in audio_slices(item):
        if not is_first:
            yield PAUSE
        is_first = False
        yield part.as_float()


def finite_or_silent(samples: Array) -> Array:
    """Return float samples with 0 in place of NaN and infinity; themselves if there are none."""
    if samples.dtype != np.float32:
        return samples
    flat = samples.reshape(-1)
    # One product finds them in a tenth of the time; it may also overflow, so it is not the proof.
    with np.errstate(over="ignore", invalid="ignore"):
        product = np.dot(flat, flat)
    if math.isfinite(product) or np.isfinite(samples).all():
        return samples
    return np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)


def decibels(level: float) -> float:
    """Return a linear level as dB of full scale; -120 for silence.

    >>> decibels(1.0), decibels(0.0)
    (0.0, -120.0)
    """
    return 20.0 * math.log10(level) if level > 0 else SILENCE_DB
