"""AudioChunkerNode."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..actor import Actor
from ..data import Array, Audio
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._audio_format import AudioFormat


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
        self._held: deque[Array] = deque()
        self._held_frames = 0
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
        if item.frames:
            self._held.append(item.samples)
            self._held_frames += item.frames
        while self._held_frames >= chunk_frames:
            yield replace(item, samples=self._take(chunk_frames))

    def flush(self) -> Iterator[Audio]:
        """Yield what is held as one shorter chunk."""
        if self._last is not None and self._held_frames:
            yield replace(self._last, samples=self._take(self._held_frames))

    def cleanup(self) -> None:
        """Let go of the inputs that are held."""
        self._held = deque()
        self._last = None

    def _take(self, frames: int) -> Array:
        """Remove the first `frames` frames from what is held and return them."""
        self._held_frames -= frames
        first = self._held[0]
        if len(first) > frames:
            self._held[0] = first[frames:]
            return first[:frames]
        parts: list[Array] = []
        while frames:
            part = self._held.popleft()
            if len(part) > frames:
                self._held.appendleft(part[frames:])
                part = part[:frames]
            parts.append(part)
            frames -= len(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
