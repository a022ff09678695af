"""Collects a stream of audio blocks, each speech or silence, to utterances."""

from dataclasses import dataclass, field

import numpy as np

from ..data import Array


@dataclass(frozen=True, slots=True)
class Utterance:
    """The speech between two silences.

    Attributes:
        samples: mono, with some of the silence before and after.
        position: of the first sample in the stream; negative where silence was added before it.
    """

    samples: Array
    position: int


@dataclass(slots=True)
class UtteranceCollector:
    """Collects the audio of an utterance, from a little before its start to the silence after it.

    A recognizer needs silence on both sides, or it gets the first and the last phoneme wrong. Zeros
    stand for silence that the stream does not have, because it starts or ends with speech.

    Attributes:
        margin: samples of silence before and after.
        end_silence: samples without speech that end an utterance.
        longest: samples after which an utterance ends although speech goes on.
    """

    margin: int
    end_silence: int
    longest: int
    # The last silence: an utterance starts with it.
    _before: Array = field(default_factory=lambda: np.empty(0, np.int16))
    # The open utterance: that silence, then its blocks; empty if none is open.
    _blocks: list[Array] = field(default_factory=list)
    _length: int = 0
    _silent: int = 0
    _position: int = 0

    @property
    def is_open(self) -> bool:
        """Whether speech has begun that has not ended."""
        return bool(self._blocks)

    @property
    def samples(self) -> Array:
        """The open utterance so far, with the silence before it; there must be one."""
        return np.concatenate(self._blocks)

    @property
    def start_position(self) -> int:
        """The position in the stream of its first sample."""
        return self._position - sum(map(len, self._blocks))

    @property
    def end_position(self) -> int:
        """The position in the stream after the last block."""
        return self._position

    def discard(self) -> None:
        """Forget the open utterance."""
        self._before = np.empty(0, np.int16)
        self._blocks, self._length, self._silent = [], 0, 0

    def add(self, block: Array, *, is_speech: bool) -> Utterance | None:
        """Add the next block; return the utterance that it ends."""
        self._position += len(block)
        if not self._blocks:
            if not is_speech:
                self._before = self._last_margin(np.concatenate((self._before, block)))
                return None
            self._blocks = [self._before]
        self._blocks.append(block)
        self._length += len(block)
        self._silent = 0 if is_speech else self._silent + len(block)
        is_silent = not is_speech and self._silent >= self.end_silence
        return self.finish() if is_silent or self._length >= self.longest else None

    def finish(self) -> Utterance | None:
        """End the open utterance, if there is one, and return it."""
        if not self._blocks:
            return None
        samples = np.concatenate(self._blocks)
        # Whole margins: speech is detected late, so a part of a margin may have speech.
        missing_before = self.margin if len(self._blocks[0]) < self.margin else 0
        missing_after = self.margin if self._silent < self.margin else 0
        position = self._position - len(samples) - missing_before
        # Its last silence is the silence before the next utterance.
        self._before = self._last_margin(samples[len(samples) - self._silent :])
        self._blocks, self._length, self._silent = [], 0, 0
        return Utterance(np.pad(samples, (missing_before, missing_after)), position)

    def _last_margin(self, samples: Array) -> Array:
        return samples[max(len(samples) - self.margin, 0) :].copy()
