"""Time from the end of a session's input until its last process is gone."""

import time

import psutil
import trio

from actors import Text
from runtime import open_runtime
from tests.session.pipelines import chain

from .report import Report, median

ROUNDS = 20
TARGET_MS = 250


async def measure() -> None:
    """End sessions of 8 node processes in both ways, and print how long it takes."""
    ways: dict[str, list[float]] = {"end of stream": [], "cancelled": []}
    async with open_runtime() as runtime:
        await runtime.warm()
        for _ in range(ROUNDS):
            for way, times in ways.items():
                async with runtime.open_session(chain("EchoNode", ["multiprocess"] * 8)) as session:
                    await session.send(Text("x"))
                    await session.receive()
                    began = time.perf_counter()
                    if way == "end of stream":
                        await session.close_input()
                        async for _result in session:
                            pass
                times.append((time.perf_counter() - began) * 1e3)
                assert len(psutil.Process().children(recursive=True)) == 1  # the forkserver
    report = Report(
        "session_end",
        f"A session of 8 node processes, {ROUNDS} times: its end to the last process gone, in ms",
        ("", "median", "longest", "target"),
    )
    for way, times in ways.items():
        report.add(way, median=median(times), longest=max(times), target=TARGET_MS)
    report.show()


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
