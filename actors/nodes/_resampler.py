"""The border to soxr: a resampler of one stream, with errors in our words."""

from typing import TYPE_CHECKING, Final

import numpy as np

from ..data import Array
from ..errors import DataError
from ._audio_format import AudioFormat
from ._levels import finite_or_silent

if TYPE_CHECKING:
    from soxr import ResampleStream

_SOXR_QUALITY: Final = {"Low": "LQ", "Medium": "MQ", "High": "HQ"}


class Resampler:
    """Converts a stream of samples from one sample rate to another."""

    def __init__(self, source: AudioFormat, target_rate: int, quality: str) -> None:
        """Make a resampler.

        Args:
            source: of the samples.
            target_rate: in Hz.
            quality: "Low", "Medium" or "High".

        Raises:
            DataError: soxr cannot convert between these rates, or for so many channels.
        """
        import soxr  # here, so that looking at params loads no library

        self._dtype = source.dtype
        self._channels = source.channels
        try:
            self._stream: ResampleStream = soxr.ResampleStream(
                source.sample_rate,
                target_rate,
                source.channels,
                dtype=source.dtype,
                quality=_SOXR_QUALITY[quality],
            )
        except (RuntimeError, TypeError, ValueError) as error:
            raise DataError(
                f"audio of {source.sample_rate} Hz in {source.channels} channels cannot be "
                f"converted to {target_rate} Hz (soxr: {error})"
            ) from error

    def add(self, samples: Array) -> Array:
        """Return what comes out for some samples, shape (frames, channels); it may be empty.

        Samples that are not finite become 0: one of them would spoil all around it.
        """
        return self._converted(np.ascontiguousarray(finite_or_silent(samples)), last=False)

    def finish(self) -> Array:
        """Return the rest of the stream."""
        return self._converted(np.zeros((0, self._channels), self._dtype), last=True)

    def _converted(self, samples: Array, *, last: bool) -> Array:
        try:
            converted: Array = self._stream.resample_chunk(samples, last=last)
        except (RuntimeError, TypeError, ValueError) as error:
            raise DataError(f"the audio cannot be resampled (soxr: {error})") from error
        return converted
