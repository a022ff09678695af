"""Audio."""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from ..errors import DataError
from ..kinds import Kind
from ._base import NO_METADATA, Array, Data, as_array, check_range, frozen_array

AUDIO_DTYPES: Final = (np.dtype(np.float32), np.dtype(np.int16), np.dtype(np.int32))

# Full scale of an integer sample: I16 / 32768 and I32 / 2147483648, as in the wire contract.
_FULL_SCALE: Final = {np.dtype(np.int16): 32768.0, np.dtype(np.int32): 2147483648.0}


@dataclass(frozen=True, slots=True, eq=False)
class Audio(Data):
    """A chunk of audio.

    Attributes:
        samples: shape (frames, channels), dtype float32 (nominally -1 to 1), int16 or int32. An
            array of one dimension is mono. Read-only.
        sample_rate: frames per second, in Hz.
        metadata_json: the JSON that a client attached to the buffer, as UTF-8; None if none.

    Raises:
        DataError: another dtype, more than two dimensions, no channel, a sample rate of 0.

    >>> import numpy as np
    >>> Audio(np.zeros(480, np.float32), 48000).duration_seconds
    0.01
    """

    kind: ClassVar[Kind] = Kind.AUDIO

    samples: Array
    sample_rate: int
    metadata_json: bytes | None = None

    def __post_init__(self) -> None:
        """Check and freeze."""
        # The usual chunk passes with few checks: chunks of 20 ms come fifty times a second.
        if self.metadata is not NO_METADATA:
            super(Audio, self).__post_init__()
        samples = self.samples
        if samples.__class__ is not np.ndarray:
            samples = as_array(samples, "audio samples")
        if samples.dtype not in AUDIO_DTYPES:
            raise DataError(
                f"audio samples must be float32, int16 or int32, got {samples.dtype}; "
                "convert with samples.astype(np.float32)"
            )
        if samples.flags.writeable:
            samples = frozen_array(samples)
        if samples.ndim == 1:
            samples = samples.reshape(-1, 1)
        if samples.ndim != 2 or samples.shape[1] == 0:
            raise DataError(
                f"audio samples must have the shape (frames, channels), got {samples.shape}"
            )
        check_range("sample_rate (Hz)", self.sample_rate, 1, 2**32 - 1)
        if samples is not self.samples:
            object.__setattr__(self, "samples", samples)

    @property
    def channels(self) -> int:
        """The number of channels, at least 1."""
        return int(self.samples.shape[1])

    @property
    def frames(self) -> int:
        """The number of samples per channel."""
        return int(self.samples.shape[0])

    @property
    def duration_seconds(self) -> float:
        """The duration of the chunk in seconds."""
        return self.frames / self.sample_rate

    def as_float(self) -> Array:
        """Return the samples as float32, shape (frames, channels).

        Float samples are returned without a copy; integers are scaled to -1 to 1.
        """
        scale = _FULL_SCALE.get(self.samples.dtype)
        if scale is None:
            return self.samples
        return frozen_array((self.samples / scale).astype(np.float32))

    def as_mono(self) -> Array:
        """Return the mean of the channels as float32, shape (frames,)."""
        samples = self.as_float()
        if samples.shape[1] == 1:
            return samples[:, 0]
        # Of infinite samples, or of such as float32 cannot add up, the mean is not finite either.
        with np.errstate(over="ignore", invalid="ignore"):
            return frozen_array(samples.mean(axis=1, dtype=np.float32))
