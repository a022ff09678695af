"""Server to node process to server, against iceoryx2 and a doorbell with trio at both ends."""

import time
from contextlib import AsyncExitStack

import numpy as np
import trio

from actors import Binary
from runtime import Session, open_runtime
from tests.session.pipelines import chain

from .interleaved import COLUMNS, Batch, add_rows, in_turns, script
from .report import Report
from .specimens import SPECIMENS

TURNS = 7
ROUNDS = 1000
SIZE = 1024
FLOOR = "floor"
PIPELINES = {"synchronous actor": "PassThrough", "async actor": "AsyncPassThrough"}


def round_trips(session: Session, size: int, rounds: int, warm: int = 0) -> Batch:
    """Return a batch of round trips, one at a time, after some warm-up rounds."""
    item = Binary(np.zeros(size, np.uint8))

    async def run() -> list[float]:
        times = []
        for _ in range(warm + rounds):
            began = time.perf_counter_ns()
            await session.send(item)
            await session.receive()
            times.append((time.perf_counter_ns() - began) / 1e3)
        return times[warm or rounds // 10 :]

    return run


async def measure() -> None:
    """Measure in turns."""
    async with open_runtime(node_types=SPECIMENS) as runtime, AsyncExitStack() as stack:
        batches: dict[str, Batch] = {FLOOR: script("floors.trio_round_trip", SIZE, ROUNDS)}
        for name, kind in PIPELINES.items():
            session = await stack.enter_async_context(
                runtime.open_session(chain(kind, ["multiprocess"]))
            )
            await session.wait_ready()
            batches[name] = round_trips(session, SIZE, ROUNDS)
        times = await in_turns(batches, TURNS)
    report = Report("child_round_trip", "Server to node process to server, 1 KB", COLUMNS)
    add_rows(report, times, FLOOR)
    report.show()


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
