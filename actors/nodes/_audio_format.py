"""What has to stay the same for two chunks to belong to one stream of audio."""

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
