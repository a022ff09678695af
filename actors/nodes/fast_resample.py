"""FastResampleNode."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from pydantic import field_validator

from ..actor import Actor
from ..data import Audio
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._audio_format import AudioFormat

if TYPE_CHECKING:
    from soxr import ResampleStream

_SOXR_QUALITY: Final = {"Low": "LQ", "Medium": "MQ", "High": "HQ"}
_LOWEST_HZ: Final = 8000
_HIGHEST_HZ: Final = 192000


class FastResampleParams(Params):
    """What FastResampleNode converts from and to."""

    source_rate: int | Literal["auto"] | None = Field(
        None,
        description="sample rate that comes in, 8000 to 192000 Hz; "
        '"auto" or absent: whatever the audio has',
    )
    target_rate: int | Literal["auto"] | None = Field(
        None,
        description="sample rate that goes out, 8000 to 192000 Hz; "
        '"auto" or absent: the same as comes in',
    )
    quality: Literal["Low", "Medium", "High"] = Field(
        "Medium", description='"Low", "Medium" or "High"; better is slower'
    )

    @field_validator("source_rate", "target_rate", mode="before")
    @classmethod
    def _rate_in_range(cls, value: object) -> object:
        if value is None or value == "auto":
            return value
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        if not is_integer or not _LOWEST_HZ <= value <= _HIGHEST_HZ:  # type: ignore[operator]
            raise ValueError(
                f"must be an integer from {_LOWEST_HZ} to {_HIGHEST_HZ} (Hz), "
                f'"auto" or absent, got {value!r}'
            )
        return value


class FastResampleNode(Actor[FastResampleParams]):
    """Convert audio to another sample rate, as a stream: no clicks at the borders of chunks.

    In: audio of any number of channels. Out: audio at target_rate, with the same channels and the
    same sample type. Resampling looks ahead by some milliseconds, so a chunk comes out a little
    shorter or longer than its share, or not at all, and the end of the stream brings the rest.

    Without a target_rate, or where it equals the audio's, every chunk passes as it came, the same
    buffer. A change of format within the stream first brings out the rest of the old one.
    """

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.AUDIO})

    def initialize(self) -> None:
        """Load soxr."""
        import soxr

        self._stream_type: type[ResampleStream] = soxr.ResampleStream
        self._stream: ResampleStream | None = None
        self._last: Audio | None = None

    def process(self, item: Audio) -> Iterator[Audio]:
        """Yield what the resampler gives for one chunk: nothing or one chunk, two at a change.

        Raises:
            DataError: the audio does not have the source_rate that the params give.
        """
        source, target = self._rates(item)
        if self._last is not None and AudioFormat.of(item) != AudioFormat.of(self._last):
            yield from self.flush()
        self._last = item
        if source == target:
            yield item
            return
        if self._stream is None:
            self._stream = self._stream_type(
                source,
                target,
                item.channels,
                dtype=item.samples.dtype,
                quality=_SOXR_QUALITY[self.params.quality],
            )
        samples = self._stream.resample_chunk(np.ascontiguousarray(item.samples))
        if len(samples):
            yield replace(item, samples=samples, sample_rate=target)

    def flush(self) -> Iterator[Audio]:
        """Yield the rest of the stream."""
        stream, last = self._stream, self._last
        self._stream = None
        if stream is None or last is None:
            return
        samples = stream.resample_chunk(last.samples[:0].copy(), last=True)
        if len(samples):
            yield replace(last, samples=samples, sample_rate=self._rates(last)[1])

    def cleanup(self) -> None:
        """Let go of the resampler and of the last input."""
        self._stream = None
        self._last = None

    def _rates(self, item: Audio) -> tuple[int, int]:
        source, target = self.params.source_rate, self.params.target_rate
        if isinstance(source, int) and source != item.sample_rate:
            raise DataError(
                f"source_rate is {source} Hz, but the audio has {item.sample_rate} Hz; "
                'set source_rate to that, or to "auto" to take what comes'
            )
        return item.sample_rate, target if isinstance(target, int) else item.sample_rate
