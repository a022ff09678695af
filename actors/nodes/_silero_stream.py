"""What the speech detection of one stream keeps, and what one of its chunks gives."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..data import Array, Audio
from ._levels import Levels, finite_or_silent
from ._silero_model import SileroModel
from ._speech_gate import GateChange, SpeechGate


class SileroStream:
    """One stream.

    Attributes:
        state: of the model.
        pending: what the next windows are cut from, the context of the first of them in front.
        position: in samples, where the next chunk begins.
        probability: of the last windows.
        gate: makes speech of probabilities.
    """

    def __init__(self, model: SileroModel, gate: SpeechGate) -> None:
        self.state = model.silent_state()
        self.pending: Array = np.zeros(model.context_length, np.float32)
        self.position = 0
        self.probability = 0.0
        self.gate = gate


@dataclass(slots=True)
class Detection:
    """What the windows of one chunk gave.

    Attributes:
        frames: of the chunk that were looked at so far.
        probability: the highest of the windows; None if no window ended in the chunk.
    """

    levels: Levels = field(default_factory=Levels)
    frames: int = 0
    changes: list[GateChange] = field(default_factory=list)
    probability: float | None = None
    has_speech: bool = False

    def add(self, probability: float, is_speech: bool) -> None:
        """Take the probability of the next window."""
        self.probability = max(probability, self.probability or 0.0)
        self.has_speech = self.has_speech or is_speech


class WindowCut:
    """The windows that a part of a chunk completes. The stream is as before until `commit`.

    Attributes:
        windows: with their contexts.
        state: of the model, after the windows so far.
        probabilities: of the windows so far.
    """

    def __init__(
        self, stream: SileroStream, model: SileroModel, part: Audio, detection: Detection
    ) -> None:
        """Cut the windows.

        Args:
            stream: that the chunk belongs to.
            model: has their size.
            part: of the chunk.
            detection: of the chunk.
        """
        self._stream, self._detection, self._part = stream, detection, part
        context, window = model.context_length, model.window
        held = np.concatenate((stream.pending, finite_or_silent(part.as_mono())))
        self._window = window
        # The stream position of the sample after the context, where the next window begins.
        self._start = stream.position + detection.frames - (len(stream.pending) - context)
        count = max(len(held) - context, 0) // window
        self.windows = [held[at * window : (at + 1) * window + context] for at in range(count)]
        self._rest = held[count * window :].copy()
        self.state = stream.state
        self.probabilities: list[float] = []

    def run(self, model: SileroModel) -> Iterator[None]:
        """Run the model over the windows of this stream alone, with a pause after each."""
        for window in self.windows:
            run_model(model, [self], [window])
            yield

    def commit(self, threshold: float) -> None:
        """Let the stream go on after the windows.

        Args:
            threshold: of the probability of speech.
        """
        stream, detection = self._stream, self._detection
        for number, probability in enumerate(self.probabilities):
            detection.add(probability, probability >= threshold)
            start = self._start + number * self._window
            if change := stream.gate.step(probability, start, self._window):
                detection.changes.append(change)
        detection.frames += self._part.frames
        stream.pending, stream.state = self._rest, self.state


def run_model(model: SileroModel, cuts: Sequence[WindowCut], windows: Sequence[Array]) -> None:
    """Run the model over one window of each of several streams.

    Raises:
        ModelError: onnxruntime reports an error.
    """
    found = model.probabilities(windows, [cut.state for cut in cuts])
    for cut, (probability, state) in zip(cuts, found, strict=True):
        cut.probabilities.append(probability)
        cut.state = state


def run_batch(model: SileroModel, cuts: Sequence[WindowCut]) -> None:
    """Run the model over the windows of several streams: the first of each, the second of each.

    Raises:
        ModelError: onnxruntime reports an error.
    """
    for number in range(max((len(cut.windows) for cut in cuts), default=0)):
        due = [cut for cut in cuts if number < len(cut.windows)]
        run_model(model, due, [cut.windows[number] for cut in due])
