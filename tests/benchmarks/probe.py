"""One measurement in one checkout: `python -P PATH/probe.py NAME`, with the checkout in PYTHONPATH.

For every line on its standard input it runs a batch, and prints its `Figures` as JSON. It imports
nothing but the public names of `actors` and `runtime`, so that one file measures any checkout. It
prints first where it has found `runtime`.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise

import numpy as np
import trio

import runtime as measured
from actors import Binary
from runtime import Manifest, Runtime, Session, manifest_from, open_runtime

Batch = Callable[[], Awaitable[tuple[Sequence[float], Sequence[int]]]]
"""Measures; returns microseconds, and the processes that have worked for them besides this one."""

ROUNDS = 300
LARGE_ROUNDS = 40
SMALL, LARGE = 640, 10 * 2**20
CORES = sorted(os.sched_getaffinity(0))[:2] * 2


def chain(executor: str, length: int) -> Manifest:
    """Return a chain of PassThrough nodes."""
    ids = [f"n{number}" for number in range(length)]
    return manifest_from(
        {
            "version": "v1",
            "metadata": {
                "name": "probe",
                "multiprocess": {"executor_overrides": dict.fromkeys(ids, executor)},
            },
            "nodes": [{"id": each, "node_type": "PassThrough"} for each in ids],
            "connections": [{"from": a, "to": b} for a, b in pairwise(ids)],
        }
    )


async def opened(runtime: Runtime, stack: AsyncExitStack, executor: str, length: int) -> Session:
    """Open a session, and pin its processes to the two cores in turns."""
    session = await stack.enter_async_context(runtime.open_session(chain(executor, length)))
    await session.wait_ready()
    for number, pid in enumerate(session.processes().values()):
        os.sched_setaffinity(pid, {CORES[(number + 1) % 2]})
    return session


async def round_trip(session: Session, item: Binary) -> float:
    """Return the microseconds of one item through a session."""
    began = time.perf_counter_ns()
    await session.send(item)
    await session.receive()
    return (time.perf_counter_ns() - began) / 1e3


@asynccontextmanager
async def hops(executor: str, long: int) -> AsyncIterator[Batch]:
    """Measure one more hop: a long chain less a chain of one, by the number of hops."""
    item = Binary(np.zeros(SMALL, np.uint8))
    async with open_runtime() as runtime, AsyncExitStack() as stack:
        short_one = await opened(runtime, stack, executor, 1)
        long_one = await opened(runtime, stack, executor, long)

        async def run() -> tuple[Sequence[float], Sequence[int]]:
            times = []
            for _ in range(ROUNDS):
                took = await round_trip(long_one, item) - await round_trip(short_one, item)
                times.append(took / (long - 1))
            return times, []  # both chains: the processor time is no hop's

        yield run


@asynccontextmanager
async def round_trips(executor: str, size: int, rounds: int) -> AsyncIterator[Batch]:
    """Measure a round trip through one node."""
    item = Binary(np.zeros(size, np.uint8))
    async with open_runtime() as runtime, AsyncExitStack() as stack:
        session = await opened(runtime, stack, executor, 1)

        async def run() -> tuple[Sequence[float], Sequence[int]]:
            times = [await round_trip(session, item) for _ in range(rounds)]
            return times, [os.getpid(), *session.processes().values()]

        yield run


@asynccontextmanager
async def starts() -> AsyncIterator[Batch]:
    """Measure from opening a session of four node processes until it is ready."""
    os.sched_setaffinity(0, CORES)
    async with open_runtime() as runtime:
        await runtime.warm()

        async def run() -> tuple[Sequence[float], Sequence[int]]:
            times = []
            for _ in range(3):
                began = time.perf_counter_ns()
                async with runtime.open_session(chain("multiprocess", 4)) as session:
                    await session.wait_ready()
                    times.append((time.perf_counter_ns() - began) / 1e3)
            return times, []

        yield run


PROBES: Mapping[str, Callable[[], object]] = {
    "native_hop": lambda: hops("native", 9),
    "child_hop": lambda: hops("multiprocess", 4),
    "child_round_trip": lambda: round_trips("multiprocess", SMALL, ROUNDS),
    "child_10_mb": lambda: round_trips("multiprocess", LARGE, LARGE_ROUNDS),
    "session_start": starts,
}


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the processor time of processes; see clock_getcpuclockid(3)."""
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


async def main(name: str) -> None:
    """Run batches until the input ends."""
    print(measured.__file__, flush=True)
    os.sched_setaffinity(0, CORES[:1])
    lines = trio.wrap_file(sys.stdin)
    async with PROBES[name]() as batch:  # type: ignore[attr-defined]
        await batch()  # warms up
        print("ready", flush=True)
        _, pids = await batch()
        while await lines.readline():
            before = cpu_seconds(pids)
            times, _ = await batch()
            spent = cpu_seconds(pids) - before
            figures = {
                "p50": statistics.median(times),
                "cpu": 1e6 * spent / len(times) if pids else None,
            }
            print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
