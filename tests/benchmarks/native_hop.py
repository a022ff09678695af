"""One more native node in a chain, against one more task in a chain of trio memory channels."""

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import numpy as np
import trio

from actors import Binary
from runtime import Session, open_runtime
from tests.session.pipelines import chain

from .floors.trio_channels import open_chain
from .interleaved import COLUMNS, Batch, add_rows, in_turns
from .report import Report

TURNS = 15
ROUNDS = 500
SIZES = {"640 B": 640, "1 MB": 2**20, "10 MB": 10 * 2**20}
SHORT, LONG = 1, 9
FLOOR = "floor"

RoundTrip = Callable[[object], Awaitable[object]]


def hops(short: RoundTrip, long: RoundTrip, item: object) -> Batch:
    """Return a batch of times per hop: of a long chain less a short one, by the number of hops."""

    async def run() -> list[float]:
        times = []
        for _ in range(ROUNDS):
            seconds = await timed(long, item) - await timed(short, item)
            times.append(1e6 * seconds / (LONG - SHORT))
        return times

    return run


async def timed(round_trip: RoundTrip, item: object) -> float:
    """Return the seconds of one round trip."""
    began = time.perf_counter()
    await round_trip(item)
    return time.perf_counter() - began


def through(session: Session) -> RoundTrip:
    """Return the round trip of an item through a session."""

    async def run(item: object) -> None:
        assert isinstance(item, Binary)
        await session.send(item)
        await session.receive()

    return run


async def measure() -> None:
    """Measure in turns."""
    async with open_runtime() as runtime, AsyncExitStack() as stack:
        enter = stack.enter_async_context
        floors = [(await enter(open_chain(tasks))).round_trip for tasks in (SHORT, LONG)]
        sessions = [
            through(await enter(runtime.open_session(chain("PassThrough", ["native"] * nodes))))
            for nodes in (SHORT, LONG)
        ]
        batches = {FLOOR: hops(floors[0], floors[1], object())}
        for name, size in SIZES.items():
            item = Binary(np.zeros(size, np.uint8))
            batches[name] = hops(sessions[0], sessions[1], item)
        times = await in_turns(batches, TURNS)
    report = Report("native_hop", "One native hop", COLUMNS)
    add_rows(report, times, FLOOR)
    report.show()


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
