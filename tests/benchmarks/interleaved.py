"""Measures several things in turns, so that other load on the machine affects all of them."""

import json
import sys
from collections.abc import Awaitable, Callable, Mapping

import trio

from .report import Report, median, p99

Batch = Callable[[], Awaitable[list[float]]]
"""Measures one batch; returns times in microseconds."""


async def in_turns(batches: Mapping[str, Batch], turns: int) -> dict[str, list[list[float]]]:
    """Run all batches in turns, this many times; return the times of each turn."""
    times: dict[str, list[list[float]]] = {name: [] for name in batches}
    for _ in range(turns):
        for name, batch in batches.items():
            times[name].append(await batch())
    return times


def script(name: str, *arguments: int) -> Batch:
    """Return a batch that runs a script of this package, such as "floors.blocking_hop"."""

    async def run() -> list[float]:
        command = [sys.executable, "-m", f"{__package__}.{name}", *map(str, arguments)]
        done = await trio.run_process(command, capture_stdout=True)
        times: list[float] = json.loads(done.stdout)
        return times

    return run


def add_rows(report: Report, times: Mapping[str, list[list[float]]], floor: str) -> None:
    """Add a row per batch: p50, p99, their ratio, and the median over all turns of p50 to floor's.

    Args:
        report: its columns are these four.
        times: as `in_turns` returns them.
        floor: the name of the batch that the others are compared with.
    """
    for name, turns in times.items():
        whole = [time for turn in turns for time in turn]
        ratios = [median(own) / median(base) for own, base in zip(turns, times[floor], strict=True)]
        report.add(
            name,
            p50=median(whole),
            p99=p99(whole),
            tail=median([p99(turn) / median(turn) for turn in turns]),
            ratio=median(ratios),
        )


COLUMNS = ("", "p50 us", "p99 us", "p99 / p50", "p50 / floor")
