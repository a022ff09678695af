"""FastResampleNode."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from typing import Annotated, Final, Literal

from pydantic import field_validator

from ..actor import Actor
from ..data import Audio, Data
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._audio_format import AudioFormat
from ._resampler import Resampler
from ._slices import PAUSE, audio_slices, outputs_of

_LOWEST_HZ: Final = 8000
_HIGHEST_HZ: Final = 192_000

# Samples, in or out, between two pauses: some milliseconds of soxr's work.
_SLICE_SAMPLES: Final = 262_144

_Rate = Annotated[int, Field(ge=_LOWEST_HZ, le=_HIGHEST_HZ)] | Literal["auto"] | None


class FastResampleParams(Params):
    """The sample rates that FastResampleNode converts between."""

    source_rate: _Rate = Field(
        None,
        description='sample rate of the input, 8000 to 192000 Hz; "auto" or absent: that of the '
        "audio",
    )
    target_rate: _Rate = Field(
        None,
        description='sample rate of the output, 8000 to 192000 Hz; "auto" or absent: that of the '
        "input",
    )
    quality: Literal["Low", "Medium", "High"] = Field(
        "Medium", description='"Low", "Medium" or "High"; better is slower'
    )
    channels: Literal[1, 2] | None = Field(
        None, description="number of channels that the input must have, 1 or 2; absent: any"
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

    In: audio of any number of channels, or of `channels` if that is given. Out: audio at
    target_rate, with the same channels and the same sample type. Resampling looks ahead by some
    milliseconds, so the output of a chunk is a little shorter or longer than its share, or empty,
    and the end of the stream brings the rest. Where a chunk has more than 262144 samples, before or
    after, its output comes in several chunks.

    Without a target_rate, or where it equals the audio's, every chunk passes unchanged, the same
    buffer. After a change of format within the stream, the rest of the old format comes first.
    Samples that are NaN or infinite become 0.
    """

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.AUDIO})

    def initialize(self) -> None:
        """Start without a stream."""
        self._resampler: Resampler | None = None
        self._last: Audio | None = None

    def process(self, item: Audio) -> Iterable[Data] | AsyncIterator[Data]:
        """Yield what the resampler gives for one chunk: nothing or one chunk, two at a change.

        Raises:
            DataError: the audio does not have the source_rate or the channels of the params.
        """
        source, target = self._rates(item)
        slice_samples = _SLICE_SAMPLES * source // max(source, target)
        if item.samples.size <= slice_samples:
            return self._resampled(item, target)
        return outputs_of(self._in_slices(item, target, slice_samples), is_large=True)

    def flush(self) -> Iterator[Audio]:
        """Yield the rest of the stream."""
        resampler, last = self._resampler, self._last
        self._resampler = None
        if resampler is None or last is None:
            return
        samples = resampler.finish()
        if len(samples):
            yield replace(last, samples=samples, sample_rate=self._rates(last)[1])

    def cleanup(self) -> None:
        """Release the resampler and the last input."""
        self._resampler = None
        self._last = None

    def _in_slices(self, item: Audio, target: int, slice_samples: int) -> Iterator[Audio | None]:
        if item.sample_rate == target:
            yield from self._resampled(item, target)
            return
        for part in audio_slices(item, slice_samples):
            yield from self._resampled(part, target)
            yield PAUSE

    def _resampled(self, item: Audio, target: int) -> Iterator[Audio]:
        if self._last is not None and AudioFormat.of(item) != AudioFormat.of(self._last):
            yield from self.flush()
        self._last = item
        if item.sample_rate == target:
            yield item
            return
        if self._resampler is None:
            self._resampler = Resampler(AudioFormat.of(item), target, self.params.quality)
        samples = self._resampler.add(item.samples)
        if len(samples):
            yield replace(item, samples=samples, sample_rate=target)

    def _rates(self, item: Audio) -> tuple[int, int]:
        params = self.params
        source, target = params.source_rate, params.target_rate
        if isinstance(source, int) and source != item.sample_rate:
            raise DataError(
                f"source_rate is {source} Hz, but the audio has {item.sample_rate} Hz; "
                'set source_rate to that, or to "auto" to accept any'
            )
        if params.channels is not None and params.channels != item.channels:
            raise DataError(
                f"channels is {params.channels}, but the audio has {item.channels}; set channels "
                "to that, leave it out, or put an AudioFormatNode before this node"
            )
        return item.sample_rate, target if isinstance(target, int) else item.sample_rate
