"""The round trip of one item through native nodes and node processes, by size."""

import time

import numpy as np
import trio

from actors import Binary
from runtime import Session, open_runtime
from tests.session.pipelines import chain

from .report import Report, median, p99

SIZES = (640, 64 * 1024, 1024 * 1024, 10 * 1024 * 1024)
ROUNDS = 200
PIPELINES = {
    "1 native node": ["native"],
    "1 child": ["multiprocess"],
    "3 children": ["multiprocess"] * 3,
}


async def round_trip(session: Session, item: Binary) -> float:
    """Return the seconds of one item through the pipeline."""
    began = time.perf_counter()
    await session.send(item)
    await session.receive()
    return time.perf_counter() - began


async def measure_pipeline(session: Session, size: int) -> list[float]:
    """Return the times of many round trips of one size, in microseconds."""
    item = Binary(np.zeros(size, np.uint8))
    rounds = ROUNDS if size < 10**6 else ROUNDS // 4
    for _ in range(10):
        await round_trip(session, item)
    return [1e6 * await round_trip(session, item) for _ in range(rounds)]


async def measure() -> None:
    """Measure every pipeline, and report."""
    columns = ("p50 / p99 in microseconds", *(f"{size:,} B" for size in SIZES for _ in range(2)))
    report = Report("round_trip", "Round trip through PassThrough nodes", columns)
    async with open_runtime() as runtime:
        for name, places in PIPELINES.items():
            figures: dict[str, float] = {}
            async with runtime.open_session(chain("PassThrough", places)) as session:
                for size in SIZES:
                    times = await measure_pipeline(session, size)
                    figures |= {f"p50_{size}": median(times), f"p99_{size}": p99(times)}
            report.add(name, **figures)
    report.show()


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
