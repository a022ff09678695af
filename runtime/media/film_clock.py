"""The clock of a film that is written: times of video frames in the ticks of its encoder."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from statistics import median_low
from typing import Final

_STANDARD_RATES: Final = (
    *(Fraction(rate * 1000, 1001) for rate in (24, 30, 60, 120)),
    *(Fraction(rate) for rate in (5, 10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240)),
)
# Times in whole microseconds are this exact; those in milliseconds, as in Matroska, are less so.
_ROUNDING_US: Final = 1.5
_COARSE_ROUNDING_US: Final = 1000.0
# Finer than any clock that gives milliseconds, and a whole multiple of most standard rates.
_TICKS_PER_SECOND: Final = 120_000
_FASTEST: Final = 1000
_WITHOUT_TIMES: Final = Fraction(25)
# What is further apart comes from two clocks. Sources of films use the same bound.
_LONGEST_GAP_US: Final = 600_000_000


class FrameClock:
    """Turns the presentation times of frames into ticks from the first frame; they always rise.

    Attributes:
        rate: frames per second, by the first frames: a standard rate where one fits.
        ticks_per_second: how fine the ticks are; a multiple of the rate's numerator, so that every
            frame at that rate is at a whole tick.
        has_times: whether the frames have times. Without, they are 1/25 s apart.
        was_set: whether the times have jumped since the start, as where two recordings join.
    """

    def __init__(self, first_us: Sequence[int]) -> None:
        """Start at the first frame.

        Args:
            first_us: the times of the first frames, at least one. The median of their distances
                gives the rate: a camera may begin unevenly.
        """
        distances = [later - time for time, later in pairwise(first_us)]
        distance = median_low(distances) if distances else 0
        self.has_times = not distances or any(distances)
        self.rate = _rate_of(distance) if 0 < distance <= _LONGEST_GAP_US else _WITHOUT_TIMES
        numerator = self.rate.numerator
        self.ticks_per_second = max(_TICKS_PER_SECOND // numerator, 1) * numerator
        self.was_set = False
        self._frame_ticks = max(round(self.ticks_per_second / self.rate), 1)
        self._zero_us = first_us[0]
        self._last_us = first_us[0]
        self._last_tick = -self._frame_ticks

    def tick(self, timestamp_us: int) -> int:
        """Return the tick of the next frame, after that of the frame before."""
        tick = self._last_tick + self._frame_ticks
        if self.has_times:
            step = timestamp_us - self._last_us
            if not 0 <= step <= _LONGEST_GAP_US:
                # Time goes on one frame after the last one, and counts from there.
                self.was_set = True
                self._zero_us = timestamp_us - round(tick * 1_000_000 / self.ticks_per_second)
            tick = round((timestamp_us - self._zero_us) * self.ticks_per_second / 1_000_000)
        self._last_us = timestamp_us
        self._last_tick = max(tick, self._last_tick + 1)
        return self._last_tick


def _rate_of(distance_us: int) -> Fraction:
    """Return the frame rate of which one frame lasts that long."""
    for rounding in (_ROUNDING_US, _COARSE_ROUNDING_US):
        fitting = [
            rate for rate in _STANDARD_RATES if abs(distance_us - 1e6 / float(rate)) <= rounding
        ]
        if fitting:
            return min(fitting, key=lambda rate: abs(distance_us - 1e6 / float(rate)))
    rate = Fraction(1_000_000, distance_us).limit_denominator(1001)
    return min(max(rate, Fraction(1, 600)), Fraction(_FASTEST))
