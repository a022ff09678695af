"""What the pipeline says, as the samples of an outgoing audio track."""

from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np
import trio

from actors import Array

from ...errors import PipelineError
from ..playback import AHEAD_SECONDS

if TYPE_CHECKING:
    from soxr import ResampleStream

RATE_HZ: Final = 48_000
FRAME_SAMPLES: Final = 960
"""20 ms, as a packet of RTP has."""
_MOST_SAMPLES: Final = int(RATE_HZ * AHEAD_SECONDS)


class Voice:
    """Samples that wait to be sent: mono int16 at 48 kHz, and the results that they belong to.

    Attributes:
        saying: the sequence of the result that is sent now; None in silence.
        changed: set, and replaced, when `saying` changes, or all samples are dropped.
    """

    def __init__(self) -> None:
        self.saying: int | None = None
        self.changed = trio.Event()
        self._pieces: deque[tuple[int, Array]] = deque()
        self._samples = 0
        self._has_room = trio.Event()
        self._is_empty = trio.Event()
        self._is_empty.set()
        self._resampler: ResampleStream | None = None
        self._rate_hz = RATE_HZ
        self._sequence = 0

    async def wait_for_room(self) -> None:
        """Wait until less than 20 s of samples wait."""
        while self._samples >= _MOST_SAMPLES:
            self._has_room = trio.Event()
            await self._has_room.wait()

    async def wait_said(self) -> None:
        """Wait until no sample waits."""
        await self._is_empty.wait()

    def say(self, samples: Array, rate_hz: int, sequence: int) -> None:
        """Add samples of a result.

        Args:
            samples: shape (frames, channels), dtype int16.
            rate_hz: of the samples.
            sequence: of the result.

        Raises:
            PipelineError: their rate cannot be converted.
        """
        if rate_hz != self._rate_hz:
            self._flush()
        mono = samples.mean(axis=1).astype(np.int16) if samples.shape[1] > 1 else samples[:, 0]
        self._rate_hz, self._sequence = rate_hz, sequence
        self._add(mono if rate_hz == RATE_HZ else self._resampled(mono, rate_hz))

    def stop(self) -> None:
        """Drop all samples: the track is silent from its next packet on."""
        self._pieces.clear()
        self._samples = 0
        self._resampler = None
        self._has_room.set()
        self._is_empty.set()
        self._note(None, is_news=True)

    def next_frame(self) -> Array:
        """Return the next 960 samples; silence where there are none."""
        if self._samples < FRAME_SAMPLES:
            self._flush()
        frame = np.zeros(FRAME_SAMPLES, np.int16)
        self._note(self._pieces[0][0] if self._pieces else None)
        filled = 0
        while self._pieces and filled < FRAME_SAMPLES:
            sequence, samples = self._pieces.popleft()
            taken = samples[: FRAME_SAMPLES - filled]
            frame[filled : filled + len(taken)] = taken
            filled += len(taken)
            if len(taken) < len(samples):
                self._pieces.appendleft((sequence, samples[len(taken) :]))
        self._samples -= filled
        if self._samples < _MOST_SAMPLES:
            self._has_room.set()
        if not self._pieces:
            self._is_empty.set()
        return frame

    def _add(self, samples: Array) -> None:
        if len(samples):
            self._pieces.append((self._sequence, samples))
            self._samples += len(samples)
            if self._is_empty.is_set():
                self._is_empty = trio.Event()

    def _resampled(self, mono: Array, rate_hz: int) -> Array:
        import soxr

        try:
            if self._resampler is None:
                self._resampler = soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="int16")
            return np.asarray(self._resampler.resample_chunk(mono))
        except (ValueError, RuntimeError) as error:
            raise PipelineError(
                f"audio at {rate_hz} Hz cannot be played over WebRTC, which has {RATE_HZ} Hz "
                f"(soxr: {error})"
            ) from error

    def _flush(self) -> None:
        """Take what the resampler still holds: some milliseconds."""
        if self._resampler is not None:
            rest = self._resampler.resample_chunk(np.zeros(0, np.int16), last=True)
            self._resampler = None
            self._add(np.asarray(rest))

    def _note(self, saying: int | None, *, is_news: bool = False) -> None:
        if is_news or saying != self.saying:
            self.saying = saying
            self.changed.set()
            self.changed = trio.Event()
