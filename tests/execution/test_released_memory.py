"""A session's shared memory and descriptors are freed at its end, without the cyclic collector."""

import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import trio

from actors import Binary, Data, Text
from runtime import MillraceError, NodeError, Runtime, Session
from tests.session.pipelines import manifest, with_config

CHAINS = {
    "child to native": ["multiprocess", "native"],
    "native to child": ["native", "multiprocess"],
    "child to child": ["multiprocess", "multiprocess"],
}
ENDINGS: dict[str, Callable[[Session], Awaitable[object]]] = {}


def ending(
    run: Callable[[Session], Awaitable[object]],
) -> Callable[[Session], Awaitable[object]]:
    ENDINGS[run.__name__] = run
    return run


@pytest.fixture(autouse=True)
def collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def held() -> tuple[int, int]:
    """Return how many descriptors this process has, and how many mappings of shared memory."""
    mappings = Path("/proc/self/maps").read_text().splitlines()
    return len(os.listdir("/proc/self/fd")), sum("/dev/shm/" in line for line in mappings)


def chunk(fill: int = 1) -> Data:
    return Binary(np.full(100_000, fill, np.uint8))


@ending
async def end_of_stream(session: Session) -> None:
    for fill in range(5):
        await session.send(chunk(fill))
    await session.close_input()
    async for _ in session:
        pass


@ending
async def left_with_results_unread(session: Session) -> None:
    for fill in range(5):
        await session.send(chunk(fill))
    await session.receive()


@ending
async def left_before_ready(_session: Session) -> None:
    await trio.lowlevel.checkpoint()


@ending
async def cancelled_while_receiving(session: Session) -> None:
    await session.send(chunk())
    await session.receive()
    with trio.CancelScope() as scope:
        scope.cancel()
        await session.receive()


@ending
async def error_of_the_owner(session: Session) -> None:
    await session.send(chunk())
    result = await session.receive()
    raise ValueError(result.sequence)


@ending
async def refused_chunk(session: Session) -> None:
    await session.send(chunk())
    await session.receive()
    await session.send(chunk(), node="nobody")


@ending
async def killed_process(session: Session) -> None:
    await session.send(chunk())
    await session.receive()
    await session.send(chunk())
    os.kill(next(iter(session.processes().values())), 9)
    async for _ in session:
        pass


@pytest.mark.parametrize("end", ENDINGS)
@pytest.mark.parametrize("places", CHAINS.values(), ids=CHAINS)
async def test_nothing_of_a_session_is_held_after_it_has_ended(
    runtime: Runtime, places: list[str], end: str
) -> None:
    pipeline = manifest(
        {"a": "Slow", "b": "Holding"}, ["a > b"], places=dict(zip("ab", places, strict=True))
    )
    async with unchanged(runtime):
        with suppress(MillraceError, ValueError):
            async with runtime.open_session(pipeline) as session:
                await ENDINGS[end](session)


@pytest.mark.parametrize("hook", ["initialize", "process", "flush", "cleanup"])
@pytest.mark.parametrize("where", ["a", "b"])
@pytest.mark.parametrize("places", CHAINS.values(), ids=CHAINS)
async def test_nothing_of_a_session_is_held_after_a_node_has_failed(
    runtime: Runtime, places: list[str], where: str, hook: str
) -> None:
    nodes = {"a": "PassThrough", "b": "PassThrough", where: ("Raising", {"hook": hook})}
    pipeline = manifest(nodes, ["a > b"], places=dict(zip("ab", places, strict=True)))
    async with unchanged(runtime):
        with pytest.raises(NodeError, match=f"'{where}'"):
            async with runtime.open_session(pipeline) as session:
                await end_of_stream(session)


@pytest.mark.parametrize("backpressure", [True, False])
async def test_nothing_of_a_fan_out_is_held(runtime: Runtime, backpressure: bool) -> None:
    pipeline = manifest(
        dict.fromkeys("abcd", "PassThrough"),
        ["a > b", "a > c", "b > d", "c > d"],
        places={"a": "multiprocess", "b": "native", "c": "multiprocess", "d": "native"},
        enable_backpressure=backpressure,
    )
    async with unchanged(runtime), runtime.open_session(pipeline) as session:
        for fill in range(10):
            await session.send(chunk(fill))
        await session.receive()


@pytest.mark.parametrize("places", CHAINS.values(), ids=CHAINS)
async def test_nothing_is_held_after_an_init_timeout(runtime: Runtime, places: list[str]) -> None:
    slow = with_config(runtime, init_timeout_secs=0.3)
    pipeline = manifest(
        {"a": "PassThrough", "b": ("Loading", {"seconds": 60.0})},
        ["a > b"],
        places=dict(zip("ab", places, strict=True)),
    )
    async with unchanged(slow):
        with pytest.raises(NodeError, match="not ready"):
            async with slow.open_session(pipeline) as session:
                await session.send(Text("x"))


@asynccontextmanager
async def unchanged(runtime: Runtime) -> AsyncIterator[None]:
    """Check that the block leaves no descriptor and no mapping."""
    await runtime.warm(["native", "multiprocess"])
    # The first session makes what all later ones share.
    async with runtime.open_session(manifest({"n": "PassThrough"}, places={"n": "multiprocess"})):
        pass
    before = held()
    yield
    assert held() == before
