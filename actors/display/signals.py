"""What can be seen of audio and of arrays in a few numbers."""

import io
import wave
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..data import Audio

_COLUMNS: Final = 240
_SAMPLES: Final = 1_000_000
_FULL_SCALE: Final = {2: 32768.0, 4: 2147483648.0}


@dataclass(frozen=True, slots=True)
class Waveform:
    """The shape of audio, of its first million samples per channel.

    Attributes:
        least, greatest: of each of up to 240 columns, mean of the channels, nominally -1 to 1.
        peak: the greatest absolute value.
        rms: the root of the mean square.
    """

    least: NDArray[np.float32]
    greatest: NDArray[np.float32]
    peak: float
    rms: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """The range of the finite values of an array, of its first million values."""

    least: float
    greatest: float
    mean: float


def waveform_of(data: Audio) -> Waveform:
    """Return the waveform of audio; without columns if there are no samples."""
    samples = data.samples[:_SAMPLES]
    full_scale = _FULL_SCALE[samples.itemsize] if samples.dtype.kind == "i" else 1
    signal = samples.astype(np.float32).mean(axis=1) / full_scale
    signal = np.nan_to_num(signal, nan=0.0, posinf=1.0, neginf=-1.0)
    count = min(_COLUMNS, len(signal))
    if not count:
        return Waveform(signal, signal, 0.0, 0.0)
    starts = np.linspace(0, len(signal), count, endpoint=False).astype(int)
    return Waveform(
        np.minimum.reduceat(signal, starts),
        np.maximum.reduceat(signal, starts),
        float(np.abs(signal).max()),
        float(np.sqrt(np.mean(np.square(signal, dtype=np.float64)))),
    )


def bounds_of(array: NDArray[Any]) -> Bounds | None:
    """Return the bounds of an array; None if it has no finite numbers."""
    values = array.reshape(-1) if array.flags.c_contiguous else array.flat
    values = values[:_SAMPLES]
    if not values.size or values.dtype.kind not in "iuf":
        return None
    numbers = values.astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return None
    return Bounds(float(numbers.min()), float(numbers.max()), float(numbers.mean()))


def to_wave(data: Audio, frames: int) -> bytes:
    """Return the first frames of audio as a WAVE file of 16 bits, of at most two channels."""
    first = Audio(data.samples[:frames, :2], data.sample_rate)
    finite = np.nan_to_num(first.as_float(), nan=0.0, posinf=1.0, neginf=-1.0)
    values = (np.clip(finite, -1.0, 1.0) * 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(values.shape[1])
        writer.setsampwidth(2)
        writer.setframerate(data.sample_rate)
        writer.writeframes(values.tobytes())
    return file.getvalue()
