"""One hop from child to child, against two processes that block on the doorbell."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

import trio

from actors import Json
from runtime import Runtime, Session, open_runtime
from tests.pipeline.pipelines import manifest

from .interleaved import COLUMNS, Batch, add_rows, in_turns, script
from .report import Report
from .specimens import SPECIMENS

TURNS = 7
ROUNDS = 1000
LARGE_ROUNDS = 100
LARGE = 10 * 1024 * 1024
CASES: dict[str, dict[str, int]] = {
    "640 B": {"size": 640},
    "1 KB": {"size": 1024},
    "1 KB, loaned": {"size": 1024, "loan": True},
    "1 MB": {"size": 2**20},
    "10 MB": {"size": LARGE},
    "10 MB, loaned": {"size": LARGE, "loan": True},
    # Filling 10 MB leaves nothing else in the caches: the same work of the actor, a small payload.
    "1 KB, loaned, after 10 MB of scratch": {"size": 1024, "loan": True, "scratch": LARGE},
}
FLOOR = "floor, 640 B"


async def open_hop(
    runtime: Runtime, stack: AsyncExitStack, params: Mapping[str, object]
) -> Session:
    """Open a pipeline of two children."""
    pipeline = manifest(
        {"stamp": ("Stamp", params), "age": "Age"},
        ["stamp > age"],
        places={"stamp": "multiprocess", "age": "multiprocess"},
    )
    session = await stack.enter_async_context(runtime.open_session(pipeline))
    await session.wait_ready()
    return session


def hops(session: Session, rounds: int) -> Batch:
    """Return a batch of hops, one at a time."""

    async def run() -> list[float]:
        times = []
        for _ in range(rounds):
            await session.send(Json(None))
            data = (await session.receive()).data
            assert isinstance(data, Json)
            times.append(float(data.text) / 1e3)
        return times[rounds // 10 :]

    return run


async def measure() -> None:
    """Measure in turns."""
    async with open_runtime(node_types=SPECIMENS) as runtime, AsyncExitStack() as stack:
        batches: dict[str, Batch] = {FLOOR: script("floors.blocking_hop", 640, ROUNDS)}
        for name, params in CASES.items():
            session = await open_hop(runtime, stack, params)
            is_small = max(params["size"], params.get("scratch", 0)) < 2**20
            rounds = ROUNDS if is_small else LARGE_ROUNDS
            batches[name] = hops(session, rounds)
        times = await in_turns(batches, TURNS)
    report = Report("child_hop", "Child to child, one hop, synchronous actors", COLUMNS)
    add_rows(report, times, FLOOR)
    report.show()


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
