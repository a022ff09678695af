"""A queue of audio frames that copies samples only where it must."""

from collections import deque
from dataclasses import replace

import numpy as np

from ..data import Array, Audio


class HeldFrames:
    """Blocks of frames in order, taken out again in other portions.

    Blocks are not copied, and a portion that lies within one block is a view of it.
    """

    def __init__(self) -> None:
        self._blocks: deque[Array] = deque()
        self._frames = 0

    def __len__(self) -> int:
        return self._frames

    def add(self, block: Array) -> None:
        """Append a block of shape (frames, channels)."""
        if len(block):
            self._blocks.append(block)
            self._frames += len(block)

    def take(self, frames: int) -> list[Array]:
        """Remove the first `frames` frames, or all where there are fewer, and return the blocks."""
        parts: list[Array] = []
        frames = min(frames, self._frames)
        self._frames -= frames
        while frames:
            part = self._blocks.popleft()
            if len(part) > frames:
                self._blocks.appendleft(part[frames:])
                part = part[:frames]
            parts.append(part)
            frames -= len(part)
        return parts

    def take_joined(self, frames: int) -> Array:
        """Do as `take`, and return one array: a view of a block that has all of it, else a copy.

        There must be a frame to take.
        """
        parts = self.take(frames)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def joined(self) -> Array:
        """Return a copy of all frames, which stay; there must be one."""
        return np.concatenate(self._blocks)

    def as_audio(self, last: Audio) -> Audio:
        """Return a copy of all frames as audio, which has the rest of `last`; it may be empty."""
        samples = self.joined() if self._frames else last.samples[:0]
        return replace(last, samples=samples)

    def keep_last(self, frames: int) -> None:
        """Drop all but the last `frames` frames."""
        self.take(max(self._frames - frames, 0))

    def clear(self) -> None:
        """Drop everything."""
        self._blocks.clear()
        self._frames = 0
