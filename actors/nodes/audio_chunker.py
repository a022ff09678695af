"""AudioChunkerNode."""

from collections.abc import Iterator
from dataclasses import replace

from ..actor import Actor
from ..data import Audio
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._audio_format import AudioFormat
from ._held_frames import HeldFrames


class AudioChunkerParams(Params):
    """The size of AudioChunkerNode's chunks."""

    chunk_size: int = Field(
        512,
        ge=1,
        # 16 MiB of float32, 87 s of mono at 48 kHz: a chunk is held until it is complete.
        le=4_194_304,
        description="samples in a chunk, counted over all channels; a multiple of their number",
    )


class AudioChunkerNode(Actor[AudioChunkerParams]):
    """Regroup audio into chunks of exactly chunk_size samples.

    In: audio in chunks of any length. Out: audio in chunks of chunk_size samples, counted over all
    channels; the rest at the end of the stream is a shorter chunk. When the sample rate, the number
    of channels or the sample type changes, the samples that are held come out first, as a shorter
    chunk. A chunk that lies within one input shares its memory; any other is copied once. Metadata
    is that of the input with which a chunk became complete.
    """

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.AUDIO})

    def initialize(self) -> None:
        """Start with nothing held."""
        self._held = HeldFrames()
        self._last: Audio | None = None

    def process(self, item: Audio) -> Iterator[Audio]:
        """Yield the chunks that became complete.

        Raises:
            DataError: chunk_size is no multiple of the number of channels.
        """
        chunk_frames, remainder = divmod(self.params.chunk_size, item.channels)
        if remainder:
            raise DataError(
                f"chunk_size {self.params.chunk_size} counts the samples of all channels and must "
                f"be a multiple of their number, which is {item.channels} in this audio"
            )
        if self._last is not None and AudioFormat.of(item) != AudioFormat.of(self._last):
            yield from self.flush()
        self._last = item
        self._held.add(item.samples)
        while len(self._held) >= chunk_frames:
            yield replace(item, samples=self._held.take_joined(chunk_frames))

    def flush(self) -> Iterator[Audio]:
        """Yield the samples that are held as one shorter chunk."""
        if self._last is not None and len(self._held):
            yield replace(self._last, samples=self._held.take_joined(len(self._held)))

    def export_state(self) -> Audio | None:
        """Return the samples that are held, in the form of the last input."""
        return None if self._last is None else self._held.as_audio(self._last)

    def import_state(self, state: Audio | None) -> None:
        """Go on with these samples."""
        self._last = state
        if state is not None:
            self._held.add(state.samples)

    def cleanup(self) -> None:
        """Release the inputs that are held."""
        self._held = HeldFrames()
        self._last = None
