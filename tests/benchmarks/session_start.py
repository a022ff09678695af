"""A session of 8 child nodes, from opening to ready, against one cold interpreter."""

import statistics
import sys
import time

import trio

from runtime import open_runtime
from tests.pipeline.pipelines import chain

from .table import print_table

ROUNDS = 10


async def measure() -> None:
    """Measure both in turns, and print the ratio."""
    ready, ended, cold = [], [], []
    async with open_runtime() as runtime:
        await runtime.warm()
        for _ in range(ROUNDS):
            began = time.perf_counter()
            async with runtime.open_session(chain("PassThrough", ["multiprocess"] * 8)) as session:
                await session.wait_ready()
                ready.append(time.perf_counter() - began)
                began = time.perf_counter()
            ended.append(time.perf_counter() - began)
            began = time.perf_counter()
            await trio.run_process([sys.executable, "-c", "import numpy, trio, iceoryx2"])
            cold.append(time.perf_counter() - began)
    floor = statistics.median(cold)
    print_table(
        f"A session of 8 child nodes, median of {ROUNDS}",
        ("", "milliseconds", "ratio"),
        [
            ("one cold interpreter", f"{floor * 1e3:.0f}", "1.00"),
            (
                "open to ready",
                f"{statistics.median(ready) * 1e3:.0f}",
                f"{statistics.median(ready) / floor:.2f}",
            ),
            (
                "end to last process gone",
                f"{statistics.median(ended) * 1e3:.0f}",
                f"{statistics.median(ended) / floor:.2f}",
            ),
        ],
    )


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
