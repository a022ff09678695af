"""Work on large items in slices, so that a native node never holds the event loop for long.

A node writes its work as a generator that yields `PAUSE` between two slices. For a small item the
work is done at once, in the caller; for a large one other tasks run at the pauses. Without an event
loop, as in a unit test that calls a hook itself, all work is done at once.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Generator, Iterable, Iterator
from dataclasses import replace
from typing import Final, TypeVar

from ..data import Audio, Data
from ._event_loop import has_event_loop

SLICE_SAMPLES: Final = 65_536
"""Samples, counted over all channels, that a node works on between two pauses."""

SLICE_CHARACTERS: Final = 16_384
"""Characters of text that a node works on between two pauses."""

PAUSE: Final = None
"""Yielded where other tasks may run."""

# A pause costs about 10 us, so work that pauses more often passes some of the pauses.
_SHORTEST_TURN_SECONDS: Final = 0.001

T = TypeVar("T")

Steps = Generator[None, None, T]
"""Work with pauses that returns one result."""


def result_of(steps: Steps[T]) -> T | Awaitable[T]:
    """Return the result of work at once if it has no pause, else something to await."""
    result: T
    try:
        next(steps)
        if has_event_loop():
            return _rest_of(steps)
        while True:
            next(steps)
    except StopIteration as end:
        result = end.value
        return result


def outputs_of(
    steps: Iterator[Data | None], *, is_large: bool
) -> Iterable[Data] | AsyncIterator[Data]:
    """Return the items among what work yields, with its pauses if the input is large."""
    if is_large and has_event_loop():
        return _with_pauses(steps)
    return _without_pauses(steps)


def audio_slices(item: Audio, samples: int = SLICE_SAMPLES) -> Iterator[Audio]:
    """Yield a chunk of audio in parts of so many samples; a small one as it is."""
    frames = max(samples // item.channels, 1)
    if item.frames <= frames:
        yield item
        return
    for start in range(0, item.frames, frames):
        yield replace(item, samples=item.samples[start : start + frames])


class _Turn:
    """Lets other tasks run if this one has had its turn."""

    def __init__(self) -> None:
        import trio

        self._checkpoint = trio.lowlevel.checkpoint
        self._ends = time.perf_counter() + _SHORTEST_TURN_SECONDS

    async def pause(self) -> None:
        """Run other tasks, now and then."""
        if time.perf_counter() >= self._ends:
            await self._checkpoint()
            self._ends = time.perf_counter() + _SHORTEST_TURN_SECONDS


async def _rest_of(steps: Steps[T]) -> T:
    turn = _Turn()
    while True:
        await turn.pause()
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def _without_pauses(steps: Iterator[Data | None]) -> Iterator[Data]:
    for item in steps:
        if item is not None:
            yield item


async def _with_pauses(steps: Iterator[Data | None]) -> AsyncIterator[Data]:
    turn = _Turn()
    for item in steps:
        if item is not None:
            yield item
        await turn.pause()
