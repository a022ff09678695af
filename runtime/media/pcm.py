"""Samples as 16-bit integers, which is what files of sound mostly have."""

import numpy as np

from actors import Array, Audio


def as_int16(audio: Audio) -> Array:
    """Return the samples as int16, shape (frames, channels), clipped at full scale.

    Integers keep their value (32 bits are rounded); what is not a number becomes silence.
    """
    samples = audio.samples
    if samples.dtype == np.int16:
        return np.ascontiguousarray(samples)
    if samples.dtype == np.int32:
        # Rounded, not cut off, or every sound would move down by half a step.
        rounded: Array = (samples.astype(np.int64) + 0x8000) >> 16
        return np.minimum(rounded, 32767).astype(np.int16)
    scaled: Array = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0) * np.float32(32768.0)
    clipped: Array = np.clip(np.rint(scaled), -32768, 32767)
    return clipped.astype(np.int16)
