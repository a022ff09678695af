"""A pipeline of three processes, against what a user would take instead."""

from importlib.util import find_spec

import trio

from runtime import Runtime, open_runtime
from tests.pipeline.pipelines import chain

from .child_round_trip import round_trips
from .interleaved import Batch, in_turns, script
from .report import Report, median

TURNS = 3
SIZES = {"1 KB": 1024, "1 MB": 2**20, "10 MB": 10 * 2**20}
PEERS = {
    "multiprocessing queues": "multiprocessing_queues",
    "Ray actors": "ray_actors",
}


def rounds_of(size: int) -> int:
    """Return how many round trips a batch has."""
    return 200 if size < 2**20 else 20


async def measure_size(runtime: Runtime, size: int) -> dict[str, float]:
    """Return the median of every system, in microseconds."""
    async with runtime.open_session(chain("PassThrough", ["multiprocess"] * 3)) as session:
        await session.wait_ready()
        batches: dict[str, Batch] = {"Millrace": round_trips(session, size, rounds_of(size))}
        for name, module in PEERS.items():
            if find_spec("ray") is not None or "ray" not in module:
                batches[name] = script(f"rivals.{module}", size, rounds_of(size))
        times = await in_turns(batches, TURNS)
    return {name: median(map(median, turns)) for name, turns in times.items()}


async def measure() -> None:
    """Measure, and report the times and how many times as long the others take."""
    figures = {}
    async with open_runtime() as runtime:
        for label, size in SIZES.items():
            figures[label] = await measure_size(runtime, size)
    columns = ["round trip, us, and times ours", *(c for label in SIZES for c in (label, "x"))]
    report = Report("peers", "Three processes in a row", columns)
    for name in next(iter(figures.values())):
        row = {}
        for label, medians in figures.items():
            row[f"us_{label}"] = medians[name]
            row[f"ratio_{label}"] = medians[name] / medians["Millrace"]
        report.add(name, **row)
    report.show()


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
