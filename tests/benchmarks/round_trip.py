"""The round trip of one item through native nodes and children, by size."""

import statistics
import time

import numpy as np
import trio

from actors import Binary
from runtime import Runtime, Session, open_runtime
from tests.pipeline.pipelines import chain

from .table import print_table

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


async def measure_pipeline(runtime: Runtime, places: list[str]) -> list[tuple[float, float]]:
    """Return p50 and p99 in microseconds for every size."""
    figures = []
    async with runtime.open_session(chain("PassThrough", places)) as session:
        for size in SIZES:
            item = Binary(np.zeros(size, np.uint8))
            rounds = ROUNDS if size < 10**6 else ROUNDS // 4
            for _ in range(10):
                await round_trip(session, item)
            times = [1e6 * await round_trip(session, item) for _ in range(rounds)]
            figures.append((statistics.median(times), statistics.quantiles(times, n=100)[98]))
    return figures


async def measure() -> None:
    """Measure every pipeline, and print a table."""
    rows = []
    async with open_runtime() as runtime:
        for name, places in PIPELINES.items():
            figures = await measure_pipeline(runtime, places)
            rows.append((name, *(f"{p50:.0f} / {p99:.0f}" for p50, p99 in figures)))
    print_table(
        "Round trip through PassThrough nodes, p50 / p99 in microseconds",
        ("pipeline", *(f"{size:,} B" for size in SIZES)),
        rows,
    )


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
