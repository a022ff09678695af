"""A session of 8 node processes, from opening to ready, against one cold interpreter."""

import sys
import time

import trio

from runtime import open_runtime
from tests.session.pipelines import chain

from .report import Report, median

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
    floor = median(cold)
    report = Report(
        "session_start",
        f"A session of 8 node processes, median of {ROUNDS}",
        ("", "milliseconds", "ratio"),
    )
    for label, times in (
        ("one cold interpreter", cold),
        ("open to ready", ready),
        ("end to last process gone", ended),
    ):
        report.add(label, milliseconds=1e3 * median(times), ratio=median(times) / floor)
    report.show()


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
