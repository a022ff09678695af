"""From the end of a session's input to its last process gone."""

import statistics
import time

import psutil
import trio

from actors import Text
from runtime import open_runtime
from tests.pipeline.pipelines import chain

from .table import print_table

ROUNDS = 20
TARGET_MS = 250


async def measure() -> None:
    """End sessions of 8 children in both ways, and print how long it takes."""
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
    print_table(
        f"A session of 8 children, {ROUNDS} times: its end to the last process gone, in ms",
        ("", "median", "longest", "target"),
        [
            (way, f"{statistics.median(times):.0f}", f"{max(times):.0f}", f"{TARGET_MS}")
            for way, times in ways.items()
        ],
    )


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
