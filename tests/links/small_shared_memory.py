"""What happens with little shared memory; run in a mount namespace whose /dev/shm is 64 MB."""

import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import trio

from actors import Binary, Json
from runtime import Runtime, SharedMemoryError, open_runtime
from runtime.links.shared.headroom import Headroom
from runtime.links.shared.memory import MemoryNode
from tests.conftest import SPECIMENS
from tests.session.pipelines import chain, run_through

MIB = 1024 * 1024


@contextmanager
def filled(*, leaving: int) -> Iterator[None]:
    """Let somebody else have all but so many bytes of /dev/shm."""
    ballast = Path("/dev/shm/ballast")
    with ballast.open("wb") as file:
        figures = os.statvfs("/dev/shm")
        os.posix_fallocate(file.fileno(), 0, figures.f_bavail * figures.f_frsize - leaving)
    try:
        yield
    finally:
        ballast.unlink()


async def stream(runtime: Runtime) -> None:
    """100 MB pass, in small chunks, faster than a child takes them."""
    items = [Binary(np.full(64 * 1024, n % 256, np.uint8)) for n in range(1600)]
    results = await run_through(runtime, chain("PassThrough", ["multiprocess"] * 2), items)
    assert [result.data for result in results] == items


async def large_chunks(runtime: Runtime) -> None:
    """So do chunks of which not many fit."""
    items = [Binary(np.full((n % 5 + 1) * MIB, n, np.uint8)) for n in range(40)]
    results = await run_through(runtime, chain("PassThrough", ["multiprocess"]), items)
    assert [result.data for result in results] == items


async def oversized(runtime: Runtime) -> None:
    """One that is larger than the machine's shared memory is refused, and the session goes on."""
    async with runtime.open_session(chain("PassThrough", ["multiprocess"])) as session:
        try:
            await session.send(Binary(np.zeros(80 * MIB, np.uint8)))
        except SharedMemoryError as error:
            print(error)
        await session.send(Binary(b"small"))
        assert (await session.receive()).data == Binary(b"small")


async def oversized_output(runtime: Runtime) -> None:
    """A node that makes one ends its session with an error that names it."""
    try:
        await run_through(runtime, chain("Inflate", ["multiprocess"]), [Json(80 * MIB)])
    except SharedMemoryError as error:
        print(error)


async def full(runtime: Runtime) -> None:
    """With none left, a session is refused before anything starts."""
    with filled(leaving=100 * 1024):
        try:
            await run_through(runtime, chain("PassThrough", ["multiprocess"]), [])
        except SharedMemoryError as error:
            print(error)
    await run_through(runtime, chain("PassThrough", ["multiprocess"]), [Binary(b"room again")])


async def filled_meanwhile(runtime: Runtime) -> None:
    """With none left later, sending is refused; nothing dies of it."""
    async with runtime.open_session(chain("PassThrough", ["multiprocess"])) as session:
        await session.wait_ready()
        with filled(leaving=0):
            try:
                await session.send(Binary(np.zeros(MIB, np.uint8)))
            except SharedMemoryError as error:
                print(error)
        await session.send(Binary(np.zeros(MIB, np.uint8)))
        await session.receive()


async def snatched(runtime: Runtime) -> None:
    """Others take what is left between the check and the opening of any link, and some is left."""
    pipeline = chain("PassThrough", ["multiprocess"] * 2)
    steps: list[Callable[..., Any]] = [
        MemoryNode.create_service,
        MemoryNode.open_publisher,
        MemoryNode.open_subscriber,
    ]
    for step, leaving in product(steps, [0, 8192, 16384, 32768, 65536, 98304]):
        with suppress(SharedMemoryError), taken_before(step, leaving):
            await run_through(runtime, pipeline, [Binary(b"x")])
        results = await run_through(runtime, pipeline, [Binary(b"room again")])
        assert [result.data for result in results] == [Binary(b"room again")]
    with taken_before(MemoryNode.create_service, 0):
        try:
            await run_through(runtime, pipeline, [])
        except SharedMemoryError as error:
            print(error)


@contextmanager
def taken_before(step: Callable[..., Any], leaving: int) -> Iterator[None]:
    """Fill /dev/shm before the first call of a step in this process, after its room was checked."""
    with ExitStack() as exits:
        fill = partial(exits.enter_context, filled(leaving=leaving))
        pending = [fill]

        def fill_first(*given: Any) -> Any:
            if pending:
                pending.pop()()
            return step(*given)

        setattr(MemoryNode, step.__name__, fill_first)
        exits.callback(setattr, MemoryNode, step.__name__, step)
        if step is not MemoryNode.create_service:
            # The step itself checks the room first.
            check = Headroom.require_free
            exits.callback(setattr, Headroom, "require_free", check)
            Headroom.require_free = lambda *_: None  # type: ignore[method-assign]
        yield


SCENARIOS: dict[str, Callable[[Runtime], Awaitable[None]]] = {
    scenario.__name__: scenario
    for scenario in (
        stream,
        large_chunks,
        oversized,
        oversized_output,
        full,
        filled_meanwhile,
        snatched,
    )
}


async def main() -> None:
    """Run the scenario that the first argument names."""
    async with open_runtime(node_types=SPECIMENS) as runtime:
        await SCENARIOS[sys.argv[1]](runtime)
    assert not os.listdir("/dev/shm")


if __name__ == "__main__":
    trio.run(main)
