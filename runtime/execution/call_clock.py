"""When the running call of an actor began, so that a call that never returns is found."""

import time
from typing import Final, Protocol

import trio


class CallTimes(Protocol):
    """Two times of the monotonic clock, in seconds: when the last call began, and when it ended.

    A call is running if it began after the last end. A list serves, or memory that a node process
    shares with the server, which then needs no answer to know how long a call has been running.
    """

    def __getitem__(self, index: int, /) -> float:
        """Return the beginning (0) or the end (1)."""

    def __setitem__(self, index: int, value: float, /) -> None:
        """Set the beginning or the end."""


DEFAULT_TIMEOUT_SECONDS: Final = 300.0
"""How long one call may last where neither the operator, the manifest nor the actor sets it."""


def running_seconds(times: CallTimes) -> float:
    """Return how long the running call has lasted; 0 if none is running."""
    began, ended = times[0], times[1]
    return time.perf_counter() - began if began > ended else 0.0


def idle_seconds(times: CallTimes) -> float:
    """Return how long no call has been running; 0 if one is."""
    began, ended = times[0], times[1]
    return time.perf_counter() - ended if began <= ended else 0.0


async def wait_overdue(times: CallTimes, timeout_seconds: float) -> None:
    """Return when one call has lasted for `timeout_seconds`."""
    # A call that begins during a sleep is not overdue at its end, so each sleep can be this long.
    while (left := timeout_seconds - running_seconds(times)) > 0:  # noqa: ASYNC110 (no event)
        await trio.sleep(left)
