"""The format of a stream of audio: chunks of different formats cannot be joined."""

from typing import NamedTuple, Self

import numpy as np

from ..data import Audio


class AudioFormat(NamedTuple):
    """Sample rate in Hz, number of channels, sample type."""

    sample_rate: int
    channels: int
    dtype: np.dtype[np.generic]

    @classmethod
    def of(cls, item: Audio) -> Self:
        """Return the format of a chunk."""
        return cls(item.sample_rate, item.channels, item.samples.dtype)
