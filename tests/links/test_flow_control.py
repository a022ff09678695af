"""Queues are bounded; what does not fit waits, or the oldest is dropped."""

import os
from pathlib import Path

import numpy as np
import pytest
import trio
import trio.testing

from actors import Binary, Data, Json
from runtime import Runtime, Session
from tests.session.pipelines import manifest

PLACES = ["native", "multiprocess"]


async def send_until_blocked(session: Session, items: list[Data]) -> int:
    """Return how many were taken before the pipeline was full for half a second."""
    sent = 0
    for item in items:
        with trio.move_on_after(0.5) as scope:
            await session.send(item, node="gate")
        if scope.cancelled_caught:
            break
        sent += 1
    return sent


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


async def open_gate(pipe: Path) -> None:
    await trio.Path(pipe).write_text("open")


async def opened_by_reader(pipe: Path) -> int:
    """Return the writing end of a pipe, once the node works on an item and waits for it."""
    return await trio.to_thread.run_sync(os.open, pipe, os.O_WRONLY)


@pytest.mark.parametrize("place", PLACES)
async def test_a_slow_node_stops_its_producer_after_so_many_items(
    runtime: Runtime, pipe: Path, place: str
) -> None:
    pipeline = manifest(
        {"gate": ("Gated", {"path": str(pipe)})}, places={"gate": place}, channel_capacity=5
    )
    async with runtime.open_session(pipeline) as session:
        await session.wait_ready()
        sent = await send_until_blocked(session, [Json(n) for n in range(100)])
        # One is being processed, and a reader in another process says what it took a few at a time.
        assert sent in ((5 + 1,) if place == "native" else (5, 5 + 1))
        await open_gate(pipe)
        assert [(await session.receive()).sequence for _ in range(sent)] == list(range(sent))


@pytest.mark.parametrize("place", PLACES)
async def test_a_slow_node_stops_its_producer_after_so_many_bytes(
    runtime: Runtime, pipe: Path, place: str
) -> None:
    pipeline = manifest(
        {"gate": ("Gated", {"path": str(pipe)})}, places={"gate": place}, channel_capacity=100
    )
    big = Binary(np.zeros(20 * 1024 * 1024, np.uint8))
    async with runtime.open_session(pipeline) as session:
        await session.wait_ready()
        sent = await send_until_blocked(session, [big] * 10)
        assert sent in (3, 3 + 1)  # 64 MiB hold three; one is being processed
        await open_gate(pipe)
        for _ in range(sent):
            assert (await session.receive()).data == big


@pytest.mark.parametrize("place", PLACES)
async def test_a_sink_that_nobody_reads_stops_the_pipeline(runtime: Runtime, place: str) -> None:
    pipeline = manifest({"gate": "PassThrough"}, places={"gate": place}, channel_capacity=4)
    async with runtime.open_session(pipeline) as session:
        await session.wait_ready()
        sent = await send_until_blocked(session, [Json(n) for n in range(100)])
        assert sent <= 4 + 1 + 4 + 1
        assert [(await session.receive()).sequence for _ in range(sent)] == list(range(sent))


@pytest.mark.parametrize("place", PLACES)
async def test_without_backpressure_the_oldest_waiting_items_are_dropped_and_counted(
    runtime: Runtime, pipe: Path, place: str
) -> None:
    pipeline = manifest(
        {"gate": ("Gated", {"path": str(pipe)})},
        places={"gate": place},
        channel_capacity=10,
        enable_backpressure=False,
    )
    sequences = []
    async with runtime.open_session(pipeline) as session, trio.open_nursery() as nursery:

        @nursery.start_soon
        async def receive() -> None:
            sequences.extend([result.sequence async for result in session])

        await session.send(Json(0))
        gate = await opened_by_reader(pipe)
        assert await send_until_blocked(session, [Json(n) for n in range(1, 100)]) == 99
        os.close(gate)
        await session.close_input()
    assert session.statistics()["gate"].dropped_from == {"": 89}
    # The node gives all that it has at once, so that its link to this session may be full in turn.
    assert sequences == [0, *range(90, 100)][session.dropped() - 89 :]


@pytest.mark.parametrize("place", PLACES)
async def test_a_dropping_link_passes_everything_on_to_a_reader_that_keeps_up(
    runtime: Runtime, place: str
) -> None:
    pipeline = manifest(
        {"a": "PassThrough"}, places={"a": place}, channel_capacity=10, enable_backpressure=False
    )
    async with runtime.open_session(pipeline) as session:
        for n in range(100):
            await session.send(Json(n))
            assert (await session.receive()).sequence == n
        assert session.dropped() == 0
