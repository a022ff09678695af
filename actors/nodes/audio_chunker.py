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
    """How long AudioChunkerNode's chunks are."""

    chunk_size: int = Field(
        512,
        ge=1,
        description="samples in a chunk, counted over all channels; a multiple of their number",
    )


class AudioChunkerNode(Actor[AudioChunkerParams]):
    """Regroup audio into chunks of exactly chunk_size samples.

    In: audio in chunks of any length. Out: audio in chunks of chunk_size samples, counted over all
    channels; what is left at the end of the stream comes as a shorter chunk. When the sample rate,
    the number of channels or the sample type changes, what is held comes out first, as a shorter
    chunk. A chunk that lies within one input shares its memory; one that does not is copied once.
    Metadata is that of the input with which a chunk became complete.
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
        """Yield what is held as one shorter chunk."""
        if self._last is not None and len(self._held):
            yield replace(self._last, samples=self._held.take_joined(len(self._held)))

    def cleanup(self) -> None:
        """Let go of the inputs that are held."""
        self._held = HeldFrames()
        self._last = None
