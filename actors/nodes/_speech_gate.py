"""From a speech probability for each window to the starts and ends of speech."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GateChange:
    """A start or an end of speech, at a position of the stream in samples."""

    is_start: bool
    position: int


@dataclass(slots=True)
class SpeechGate:
    """Opens at the first window of speech, closes after enough silence.

    Two thresholds, so that a probability that hovers around one does not open and close it all the
    time. Opening is never delayed, since whoever listens wants to react at once; a short burst
    keeps the gate open for min_speech samples instead.

    Attributes:
        threshold: a window at or above it is speech.
        silence_threshold: a window below it is silence; one between the two changes nothing.
        min_speech: samples that the gate stays open at least.
        min_silence: samples of silence that close it.
        is_open: whether it is within speech.
    """

    threshold: float
    silence_threshold: float
    min_speech: int
    min_silence: int
    is_open: bool = False
    _opened_at: int = 0
    _silent_since: int | None = None

    def step(self, probability: float, start: int, length: int) -> GateChange | None:
        """Take the probability of the window of `length` samples at `start`, return what changed.

        An end is where the silence began, not where it became long enough.
        """
        if probability >= self.threshold:
            self._silent_since = None
            if not self.is_open:
                self.is_open, self._opened_at = True, start
                return GateChange(True, start)
        elif self.is_open and probability < self.silence_threshold:
            if self._silent_since is None:
                self._silent_since = start
            return self._close(start + length)
        return None

    def _close(self, now: int) -> GateChange | None:
        since = self._silent_since
        if (
            since is None
            or now - since < self.min_silence
            or now - self._opened_at < self.min_speech
        ):
            return None
        self.is_open, self._silent_since = False, None
        return GateChange(False, since)
