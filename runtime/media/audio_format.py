"""The format of a stream of audio, and its conversion to another one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from actors import Array, Audio

from .errors import CodecError

if TYPE_CHECKING:
    from soxr import ResampleStream


class AudioFormat(NamedTuple):
    """Sample rate in Hz, and number of channels."""

    sample_rate: int
    channels: int

    @classmethod
    def of(cls, audio: Audio) -> Self:
        """Return the format of a chunk."""
        return cls(audio.sample_rate, audio.channels)

    def __str__(self) -> str:
        """Return it for a message."""
        return f"{self.sample_rate} Hz in {self.channels} channel{'s' * (self.channels > 1)}"


class AudioConverter:
    """Converts a stream of audio, whose format may change, to one format.

    Another number of channels is the mean of all, on each channel.
    """

    def __init__(self, target: AudioFormat, name: str) -> None:
        """Make a converter to `target` for the file `name`."""
        self._target = target
        self._name = name
        self._source: tuple[int, np.dtype[np.generic]] | None = None
        self._stream: ResampleStream | None = None

    def convert(self, audio: Audio) -> Iterator[Audio]:
        """Yield what becomes of a chunk: nothing, or some chunks.

        Raises:
            CodecError: the sample rate cannot be converted.
        """
        samples = self._mixed(audio)
        source = audio.sample_rate, samples.dtype
        if source != self._source:
            yield from self.finish()
            self._source = source
            if audio.sample_rate != self._target.sample_rate:
                self._stream = self._open(audio.sample_rate, samples.dtype)
        if self._stream is not None:
            samples = self._stream.resample_chunk(np.ascontiguousarray(samples))
        if len(samples):
            yield replace(audio, samples=samples, sample_rate=self._target.sample_rate)

    def finish(self) -> Iterator[Audio]:
        """Yield what the conversion still holds."""
        stream, source = self._stream, self._source
        self._stream = None
        if stream is None or source is None:
            return
        nothing = np.zeros((0, self._target.channels), source[1])
        samples = stream.resample_chunk(nothing, last=True)
        if len(samples):
            yield Audio(samples, self._target.sample_rate)

    def _mixed(self, audio: Audio) -> Array:
        if audio.channels == self._target.channels:
            return audio.samples
        with np.errstate(invalid="ignore"):  # the mean of both infinities is NaN
            mean = audio.samples.mean(axis=1, keepdims=True, dtype=np.float64)
        if audio.samples.dtype != np.float32:
            mean = np.rint(mean)
        return np.repeat(mean.astype(audio.samples.dtype), self._target.channels, axis=1)

    def _open(self, sample_rate: int, dtype: np.dtype[np.generic]) -> "ResampleStream":
        import soxr  # here, since most files need none

        try:
            return soxr.ResampleStream(
                sample_rate, self._target.sample_rate, self._target.channels, dtype=dtype
            )
        except (RuntimeError, TypeError, ValueError) as error:
            raise CodecError(
                f"{self._name}: audio of {sample_rate} Hz cannot be converted to "
                f"{self._target.sample_rate} Hz, which it is written with; put a FastResampleNode "
                "at the end of the pipeline"
            ) from error
