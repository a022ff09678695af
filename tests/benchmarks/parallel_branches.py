"""Three CPU-bound nodes in parallel branches, against the same nodes run one after the other."""

import time

import trio

from actors import Json
from runtime import Runtime, open_runtime
from tests.conftest import SPECIMENS
from tests.session.pipelines import manifest, send_all

from .report import Report, median

ITEMS = 20
SECONDS_PER_ITEM = 0.02
ROUNDS = 5
BRANCHES = ("a", "b", "c")


async def run_branches(runtime: Runtime, branches: tuple[str, ...]) -> float:
    """Return the seconds that the items take through all of `branches` at once."""
    pipeline = manifest(
        {name: ("Burn", {"seconds": SECONDS_PER_ITEM}) for name in branches},
        places=dict.fromkeys(branches, "multiprocess"),
    )
    async with runtime.open_session(pipeline) as session, trio.open_nursery() as nursery:
        await session.wait_ready()
        began = time.perf_counter()
        nursery.start_soon(send_all, session, [Json(n) for n in range(ITEMS)], None)
        count = len([result async for result in session])
        seconds = time.perf_counter() - began
    assert count == ITEMS * len(branches)
    return seconds


async def measure() -> None:
    """Measure both ways in turns, and print the ratio."""
    parallel, serial = [], []
    async with open_runtime(node_types=SPECIMENS) as runtime:
        for _ in range(ROUNDS):
            parallel.append(await run_branches(runtime, BRANCHES))
            serial.append(sum([await run_branches(runtime, (name,)) for name in BRANCHES]))
    ratio = median(p / s for p, s in zip(parallel, serial, strict=True))
    report = Report(
        "parallel_branches",
        f"{len(BRANCHES)} nodes, {SECONDS_PER_ITEM * 1000:.0f} ms an item, median of {ROUNDS}",
        ("", "seconds", "ratio"),
    )
    report.add("one after the other", seconds=median(serial), ratio=1.0)
    report.add("in parallel branches", seconds=median(parallel), ratio=ratio)
    report.show()


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
