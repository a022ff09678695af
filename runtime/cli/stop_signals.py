"""The signals that ask a command to stop."""

import math
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

import trio

# `timeout` signals a command and then its group, which the command is in, too.
_REPEAT_SECONDS: Final = 0.3


class StopSignals:
    """The signals, as they come; one that comes twice at once counts once."""

    def __init__(self, signals: AsyncIterator[int]) -> None:
        self._signals = signals
        self._last = 0, -math.inf

    def __aiter__(self) -> "StopSignals":
        """Iterate over them."""
        return self

    async def __anext__(self) -> int:
        """Wait for the next one, and return its number."""
        while True:
            number = await anext(self._signals)
            (before, time), now = self._last, trio.current_time()
            self._last = number, now
            if number != before or now - time > _REPEAT_SECONDS:
                return number


@contextmanager
def open_stop_signals() -> Iterator[StopSignals]:
    """Receive SIGINT, SIGTERM and SIGHUP in the block. Under `nohup`, SIGHUP is ignored."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    with trio.open_signal_receiver(*numbers) as signals:
        yield StopSignals(signals)
