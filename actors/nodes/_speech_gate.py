"""Converts the speech probability of each window to starts and ends of speech."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GateChange:
    """A start or an end of speech, at a position of the stream in samples."""

    is_start: bool
    position: int


@dataclass(slots=True)
class SpeechGate:
    """A gate that opens at the first window of speech and closes after enough silence.

    It has two thresholds, so that a probability near one of them does not open and close it again
    and again. It opens without delay, so that others can react at once; after a short burst it
    stays open for min_speech samples.

    Attributes:
        threshold: a window at or above it is speech.
        silence_threshold: a window below it is silence; one between the two changes nothing.
        min_speech: the fewest samples that the gate stays open.
        min_silence: samples of silence that close it.
        is_open: whether speech goes on.
    """

    threshold: float
    silence_threshold: float
    min_speech: int
    min_silence: int
    is_open: bool = False
    _opened_at: int = 0
    _silent_since: int | None = None

    def step(self, probability: float, start: int, length: int) -> GateChange | None:
        """Process the probability of the window of `length` samples at `start`; return a change.

        The position of an end is where the silence began.
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

    def state(self) -> list[bool | int | None]:
        """Return where the gate is, for `go_on`."""
        return [self.is_open, self._opened_at, self._silent_since]

    def go_on(self, is_open: bool, opened_at: int, silent_since: int | None) -> None:
        """Go on where another gate was."""
        self.is_open, self._opened_at, self._silent_since = is_open, opened_at, silent_since

    def _close(self, position: int) -> GateChange | None:
        since = self._silent_since
        if (
            since is None
            or position - since < self.min_silence
            or position - self._opened_at < self.min_speech
        ):
            return None
        self.is_open, self._silent_since = False, None
        return GateChange(False, since)
