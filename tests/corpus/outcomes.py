"""The right outcome of a situation, in one value."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from actors import Audio, Data, Json, Text, Video


@dataclass(frozen=True, slots=True)
class Sound:
    """Audio of a duration comes out, of one format or of several; and a warning, if any."""

    seconds: float
    rates: tuple[int, ...] = (16000,)
    channels: tuple[int, ...] = (1,)
    warning: str = ""
    within: float = 0.06

    def check(self, items: Sequence[Data]) -> None:
        assert all(isinstance(item, Audio) for item in items), items[:3]
        sounds = [item for item in items if isinstance(item, Audio)]
        duration = sum(item.duration_seconds for item in sounds)
        assert abs(duration - self.seconds) <= self.within, duration
        assert tuple(dict.fromkeys(item.sample_rate for item in sounds)) == self.rates
        assert tuple(dict.fromkeys(item.channels for item in sounds)) == self.channels
        peak = max(float(abs(item.as_float()).max()) for item in sounds if item.frames)
        assert 0.3 < peak <= 1.0, peak


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing comes out, and nothing is wrong."""

    warning: str = ""

    def check(self, items: Sequence[Data]) -> None:
        assert not items


@dataclass(frozen=True, slots=True)
class Pictures:
    """Video frames come out; `red` is the corner of the picture that is red."""

    count: int
    sizes: tuple[tuple[int, int], ...] = ((64, 32),)
    red: str = "upper left"
    last_seconds: float | None = None
    warning: str = ""

    def check(self, items: Sequence[Data]) -> None:
        frames = [item for item in items if isinstance(item, Video)]
        assert len(frames) == len(items) == self.count
        assert tuple(dict.fromkeys((frame.width, frame.height) for frame in frames)) == self.sizes
        for frame in frames:
            rows = slice(0, 4) if "upper" in self.red else slice(-4, None)
            columns = slice(0, 4) if "left" in self.red else slice(-4, None)
            assert frame.image[rows, columns, 0].mean() > 150, self.red
        if self.last_seconds is not None:
            assert abs(frames[-1].timestamp_us / 1e6 - self.last_seconds) < 0.01


@dataclass(frozen=True, slots=True)
class Lines:
    """Text or JSON comes out."""

    texts: tuple[str, ...]
    warning: str = ""

    def check(self, items: Sequence[Data]) -> None:
        assert tuple(item.text for item in items if isinstance(item, Text | Json)) == self.texts


class Events:
    """JSON events come out that have these values, and so many other items."""

    def __init__(self, *expected: Mapping[str, object], others: int = 0) -> None:
        self.expected = expected
        self.others = others

    def check(self, items: Sequence[Data]) -> None:
        events = [item.value for item in items if isinstance(item, Json)]
        assert len(items) - len(events) == self.others
        for event, expected in zip(events, self.expected, strict=True):
            assert isinstance(event, dict)
            for key, value in expected.items():
                is_number = isinstance(value, float) and isinstance(event[key], float)
                assert event[key] == (pytest.approx(value, abs=0.01) if is_number else value), event


@dataclass(frozen=True, slots=True)
class Refused:
    """An error, in words that match."""

    words: str
    warning: str = ""

    def check_error(self, error: BaseException) -> None:
        assert re.search(self.words, str(error)), error


Outcome = Sound | Nothing | Pictures | Lines | Refused
