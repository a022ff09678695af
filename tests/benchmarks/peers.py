"""A pipeline of three processes, against alternatives that a user would choose.

Each process forwards the payload. Here, with Ray and with dora, every sender copies it into shared
memory, four times in a round trip, and every receiver has a view of it. The queues of
multiprocessing pickle it into a pipe and out of it. Ray and dora are measured where they are
installed: `pip install ray dora-rs dora-rs-cli`.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

import trio

from runtime import Runtime, open_runtime
from tests.session.pipelines import chain

from .child_round_trip import round_trips
from .interleaved import Batch, in_turns, script
from .report import Report, median

TURNS = 3
# Our processes were idle in the meantime; those of the others are new and warm up by themselves.
WARM_ROUNDS = 20
SIZES = {"1 KB": 1024, "1 MB": 2**20, "10 MB": 10 * 2**20}
# Scripts in rivals/, and the packages that each imports.
PEERS: Mapping[str, tuple[str, Sequence[str]]] = {
    "multiprocessing queues": ("multiprocessing_queues", ()),
    "Ray actors": ("ray_actors", ("ray",)),
    "Ray compiled graph": ("ray_compiled_graph", ("ray",)),
    "dora": ("dora_dataflow", ("dora", "dora_cli")),
}


def rounds_of(size: int) -> int:
    """Return how many round trips a batch has."""
    return 200 if size < 2**20 else 50


async def measure_size(runtime: Runtime, size: int) -> dict[str, float]:
    """Return the median of every system, in microseconds."""
    async with runtime.open_session(chain("PassThrough", ["multiprocess"] * 3)) as session:
        await session.wait_ready()
        batches: dict[str, Batch] = {
            "Millrace": round_trips(session, size, rounds_of(size), WARM_ROUNDS)
        }
        for name, (module, packages) in PEERS.items():
            if all(find_spec(package) for package in packages):
                batches[name] = script(f"rivals.{module}", size, rounds_of(size))
        times = await in_turns(batches, TURNS)
    return {name: median(map(median, turns)) for name, turns in times.items()}


async def measure() -> None:
    """Measure, and report the times and the ratio of the others to ours."""
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
