"""How loud samples are: RMS, peak, decibels."""

import math
from typing import Final

import numpy as np

from ..data import Array

SILENCE_DB: Final = -120.0
"""The level of silence, in dB of full scale."""


def rms(samples: Array) -> float:
    """Return the root mean square of float samples, of any shape; 0 if there are none."""
    if samples.size == 0:
        return 0.0
    return math.sqrt(float(np.mean(np.square(samples, dtype=np.float64))))


def peak(samples: Array) -> float:
    """Return the largest absolute value of float samples, of any shape; 0 if there are none."""
    return float(np.abs(samples).max(initial=0.0))


def decibels(level: float) -> float:
    """Return a linear level as dB of full scale; -120 for silence.

    >>> decibels(1.0), decibels(0.0)
    (0.0, -120.0)
    """
    return 20.0 * math.log10(level) if level > 0 else SILENCE_DB
