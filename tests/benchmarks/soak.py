"""Sessions in a row, a third crashed and a third cancelled: the server's resources stay constant.

`python -m tests.benchmarks.soak [SESSIONS]` can run for hours; exit status 1 if something grew.
"""

import gc
import os
import random
import signal
import sys
import threading
import time
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import psutil
import pytest
import trio

from actors import Text
from runtime import NodeError, Runtime, RuntimeConfig, open_runtime
from tests.conftest import SPECIMENS
from tests.session.pipelines import chain, manifest, run_through

from .report import print_table

SESSIONS = 1000
WARM_UP = 100
SEED = 7
# Memory that an allocator keeps; a leak of 10 kB per session would exceed it by far.
SPARE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Holdings:
    """Resources of the server and its forkserver."""

    descriptors: int
    threads: int
    processes: int
    segments: int
    server_bytes: int
    forkserver_bytes: int


def holdings() -> Holdings:
    """Return the resources in use after a garbage collection."""
    gc.collect()
    own = psutil.Process()
    (forkserver,) = own.children()
    return Holdings(
        len(os.listdir("/proc/self/fd")),
        sum(not thread.name.startswith("Trio thread") for thread in threading.enumerate()),
        len(own.children(recursive=True)),
        len([*Path("/dev/shm").glob(f"mr{os.getpid():x}-*")]),
        own.memory_info().rss,
        forkserver.memory_info().rss,
    )


async def one_session(runtime: Runtime, number: int, chance: random.Random) -> None:
    """Run a session to its end, crash it, or cancel it, in turns."""
    places = ["multiprocess", "native", "multiprocess"]
    hook = chance.choice(["initialize", "process", "flush", "cleanup"])
    how = chance.choice(["sigkill", "sigsegv", "exit", "exception", "daemon"])
    match number % 3:
        case 0:
            items = [Text("x")] * 20
            assert len(await run_through(runtime, chain("PassThrough", places), items)) == 20
        case 1:
            params = {"when": hook, "how": how, "path": f"/tmp/soak-{os.getpid()}"}
            pipeline = manifest(
                {"a": "PassThrough", "culprit": ("Culprit", params)},
                ["a > culprit"],
                places={"a": "multiprocess", "culprit": "multiprocess"},
            )
            with pytest.raises(NodeError, match="node 'culprit'"):
                await run_through(runtime, pipeline, [Text("x")])
        case _:
            with trio.move_on_after(chance.uniform(0, 0.1)):
                async with runtime.open_session(chain("PassThrough", places)) as session:
                    while True:
                        await session.send(Text("x"))
                        await session.receive()


def grown(before: Holdings, after: Holdings) -> list[str]:
    """Return the names of the resources that grew."""
    bytes_grown = [
        name
        for name in ("server_bytes", "forkserver_bytes")
        if getattr(after, name) > getattr(before, name) + SPARE_BYTES
    ]
    counts = ("descriptors", "threads", "processes", "segments")
    return [name for name in counts if getattr(after, name) != getattr(before, name)] + bytes_grown


async def soak(sessions: int) -> list[str]:
    """Run the sessions; return the names of the resources that grew."""
    chance = random.Random(SEED)
    async with open_runtime(RuntimeConfig(), node_types=SPECIMENS) as runtime:
        for number in range(WARM_UP):
            await one_session(runtime, number, chance)
        before, began = holdings(), time.perf_counter()
        for number in range(sessions):
            await one_session(runtime, number, chance)
        seconds, after = time.perf_counter() - began, holdings()
    print_table(
        f"{sessions:,} sessions in {seconds:.0f} s, a third crashed, a third cancelled",
        ("", "before", "after"),
        [
            (field.name.replace("_", " "), f"{one:,}", f"{two:,}")
            for field, one, two in zip(fields(before), astuple(before), astuple(after), strict=True)
        ],
    )
    return grown(before, after)


def main() -> None:
    """Run the number of sessions in the argument, and exit with status 1 if something grew."""
    found = trio.run(soak, int(sys.argv[1]) if len(sys.argv) > 1 else SESSIONS)
    Path(f"/tmp/soak-{os.getpid()}").unlink(missing_ok=True)
    if found:
        sys.exit(f"not flat: {', '.join(found)}")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
