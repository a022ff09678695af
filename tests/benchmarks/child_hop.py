"""One hop between two node processes, against two processes that block on the doorbell.

If both share a core, a hop is a switch of processes; otherwise a sleeping core must wake up, which
takes twice as long. The kernel decides differently between runs, so producer and consumer are
pinned to two cores, in the pipeline as well as in the floor.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack

import trio

from actors import Json
from runtime import Runtime, Session, open_runtime
from tests.session.pipelines import manifest

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
    "64 KB": {"size": 65536},
    "1 KB, loaned": {"size": 1024, "loan": True},
    "1 MB": {"size": 2**20},
    "10 MB": {"size": LARGE},
    "10 MB, loaned": {"size": LARGE, "loan": True},
    # Filling 10 MB evicts the caches, so the small payload is measured after the same work.
    "1 KB, loaned, after 10 MB of scratch": {"size": 1024, "loan": True, "scratch": LARGE},
}
FLOOR = "floor, 640 B"
LEFT_FLOOR = "floor, 640 B, left to the kernel"
LEFT = "640 B, left to the kernel"


async def open_hop(
    runtime: Runtime, stack: AsyncExitStack, params: Mapping[str, object]
) -> Session:
    """Open a pipeline of two node processes."""
    pipeline = manifest(
        {"stamp": ("Stamp", params), "age": "Age"},
        ["stamp > age"],
        places={"stamp": "multiprocess", "age": "multiprocess"},
    )
    session = await stack.enter_async_context(runtime.open_session(pipeline))
    await session.wait_ready()
    return session


def pin(session: Session, cores: Sequence[int]) -> None:
    """Keep the producer and this process on one core, and the consumer on another."""
    pids = session.processes()
    os.sched_setaffinity(pids["stamp"], {cores[0]})
    os.sched_setaffinity(pids["age"], {cores[1]})


def hops(session: Session, rounds: int, own_cores: Collection[int]) -> Batch:
    """Return a batch of hops, one at a time.

    Args:
        session: of two nodes.
        rounds: how many.
        own_cores: where this process may run meanwhile.
    """

    async def run() -> list[float]:
        everywhere = os.sched_getaffinity(0)
        os.sched_setaffinity(0, own_cores)
        times = []
        for _ in range(rounds):
            await session.send(Json(None))
            data = (await session.receive()).data
            assert isinstance(data, Json)
            times.append(float(data.text) / 1e3)
        os.sched_setaffinity(0, everywhere)
        return times[rounds // 10 :]

    return run


async def measure() -> None:
    """Measure in turns: from one core to another, and where the kernel puts the processes."""
    cores = sorted(os.sched_getaffinity(0))[:2] * 2
    floor = "floors.blocking_hop"
    async with open_runtime(node_types=SPECIMENS) as runtime, AsyncExitStack() as stack:
        pinned: dict[str, Batch] = {FLOOR: script(floor, 640, ROUNDS, *cores[:2])}
        for name, params in CASES.items():
            session = await open_hop(runtime, stack, params)
            pin(session, cores)
            is_small = max(params["size"], params.get("scratch", 0)) < 2**20
            pinned[name] = hops(session, ROUNDS if is_small else LARGE_ROUNDS, cores[:1])
        session = await open_hop(runtime, stack, CASES["640 B"])
        left = {
            LEFT_FLOOR: script(floor, 640, ROUNDS),
            LEFT: hops(session, ROUNDS, os.sched_getaffinity(0)),
        }
        times = await in_turns(pinned | left, TURNS)
    title = "Node process to node process, from one core to another, synchronous actors"
    report = Report("child_hop", title, COLUMNS)
    add_rows(report, {name: times[name] for name in pinned}, FLOOR)
    add_rows(report, {name: times[name] for name in left}, LEFT_FLOOR)
    report.show()


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
