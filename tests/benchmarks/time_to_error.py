"""Time from SIGKILL of a node process until the session's owner has the error."""

import os
import signal
import time

import trio

from runtime import ProcessExitError, open_runtime
from tests.session.pipelines import chain

from .report import Report, median

ROUNDS = 20


async def measure() -> None:
    """Kill the middle one of three node processes, repeatedly."""
    times = []
    async with open_runtime() as runtime:
        for _ in range(ROUNDS):
            began = 0.0
            try:
                async with runtime.open_session(
                    chain("PassThrough", ["multiprocess"] * 3)
                ) as session:
                    await session.wait_ready()
                    began = time.perf_counter()
                    os.kill(session.processes()["n1"], signal.SIGKILL)
                    await session.receive()
            except ProcessExitError:
                times.append((time.perf_counter() - began) * 1e3)
    report = Report(
        "time_to_error",
        f"SIGKILL of one of three node processes, {ROUNDS} times: all gone and the error raised",
        ("", "milliseconds"),
    )
    report.add("median", milliseconds=median(times))
    report.add("longest", milliseconds=max(times))
    report.show()


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
