"""Video frames through chains of node processes that hand them on, by reference and copied.

Each node returns what it received. The chains that copy run an actor whose output does not lead
back to the memory that it received, so that it is written again, as it would be without references.
Ray's compiled graph and dora, where they are installed, run chains of as many processes.
"""

from contextlib import AsyncExitStack
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import trio

from actors import Video
from runtime import Runtime, Session, open_runtime
from tests.session.pipelines import chain

from .interleaved import Batch, in_turns, script
from .peers import PEERS
from .report import Report, median
from .specimens import SPECIMENS

TURNS = 3
ROUNDS = 60
WARM_ROUNDS = 10
WIDTH, HEIGHT = 1920, 1080
FRAME_BYTES = WIDTH * HEIGHT * 3
LENGTHS = range(1, 7)
KINDS = {"lent": "PassThrough", "copied": "PassCopy"}
RIVALS = ("Ray compiled graph", "dora")


def frame() -> Video:
    """Return a frame of noise."""
    pixels = np.random.default_rng(1).integers(0, 256, FRAME_BYTES, np.uint8)
    return Video(pixels, WIDTH, HEIGHT)


def round_trips(session: Session) -> Batch:
    """Return a batch of frames, one at a time."""
    item = frame()

    async def run() -> list[float]:
        times = []
        for _ in range(WARM_ROUNDS + ROUNDS):
            began = trio.current_time()
            await session.send(item)
            await session.receive()
            times.append((trio.current_time() - began) * 1e6)
        return times[WARM_ROUNDS:]

    return run


def stream(session: Session) -> Batch:
    """Return a batch of frames that follow each other at once; its times are those between two."""
    item = frame()

    async def run() -> list[float]:
        arrivals = []

        async def send() -> None:
            for _ in range(WARM_ROUNDS + ROUNDS):
                await session.send(item)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            for _ in range(WARM_ROUNDS + ROUNDS):
                await session.receive()
                arrivals.append(trio.current_time())
        mean = (arrivals[-1] - arrivals[WARM_ROUNDS]) / (ROUNDS - 1)
        assert all(before <= after for before, after in pairwise(arrivals))
        return [mean * 1e6]

    return run


async def open_chain(runtime: Runtime, stack: AsyncExitStack, kind: str, length: int) -> Session:
    """Open a chain of node processes."""
    pipeline = chain(kind, ["multiprocess"] * length)
    session = await stack.enter_async_context(runtime.open_session(pipeline))
    await session.wait_ready()
    return session


async def measure_ours() -> dict[str, float]:
    """Return the median of each measurement, in microseconds."""
    async with open_runtime(node_types=SPECIMENS) as runtime, AsyncExitStack() as stack:
        batches: dict[str, Batch] = {}
        for name, kind in KINDS.items():
            for length in LENGTHS:
                session = await open_chain(runtime, stack, kind, length)
                batches[f"{name} {length}"] = round_trips(session)
                batches[f"{name} {length}, stream"] = stream(session)
        times = await in_turns(batches, TURNS)
    return {name: median(map(median, turns)) for name, turns in times.items()}


async def measure_rival(name: str) -> dict[int, float]:
    """Return the median of a rival for each length, in microseconds; empty if it is not there."""
    module, packages = PEERS[name]
    if not all(find_spec(package) for package in packages):
        return {}
    found = {}
    for length in LENGTHS:
        batch = script(f"rivals.{module}", FRAME_BYTES, ROUNDS, length)
        found[length] = median(await batch())
    return found


async def measure() -> None:
    """Measure in turns, and report."""
    ours = await measure_ours()
    rivals = {name: found for name in RIVALS if (found := await measure_rival(name))}
    columns = ["processes"]
    for name in KINDS:
        columns += [name, "x of 1", "stream"]
    columns += rivals
    title = "1080p RGB frames (6.2 MB) handed on by node processes: round trip, and a stream, us"
    report = Report("forwarding", title, columns)
    for length in LENGTHS:
        row = {}
        for name in KINDS:
            row[f"{name}_us"] = ours[f"{name} {length}"]
            row[f"{name}_ratio"] = ours[f"{name} {length}"] / ours[f"{name} {LENGTHS[0]}"]
            row[f"{name}_stream_us"] = ours[f"{name} {length}, stream"]
        for name, found in rivals.items():
            row[f"{name}_us"] = found[length]
        report.add(str(length), **row)
    report.show()


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
