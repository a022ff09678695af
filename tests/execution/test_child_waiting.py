"""A synchronous actor's process blocks while it waits, and still hears everything else."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import trio

from actors import Binary, Json, Text
from runtime import ProcessExitError, Runtime
from tests.session.pipelines import chain, manifest, run_through, with_config

KINDS = ["PassThrough", "Slow"]  # synchronous, and async


@pytest.mark.parametrize("kind", KINDS)
async def test_a_process_that_waits_for_data_answers_for_its_figures(
    runtime: Runtime, kind: str
) -> None:
    async with runtime.open_session(chain(kind, ["multiprocess"])) as session:
        for count in (1, 2):
            await session.send(Text("x"))
            await session.receive()
            before = session.statistics()["n0"]
            session.refresh_statistics()
            with trio.fail_after(10):
                while (figures := session.statistics()["n0"]) is before:
                    await trio.lowlevel.checkpoint()
            assert figures.items_in == count


@pytest.mark.parametrize("kind", KINDS)
async def test_a_process_that_waits_for_data_ends_on_sigterm(runtime: Runtime, kind: str) -> None:
    with pytest.raises(ProcessExitError, match="'n0'"):
        async with runtime.open_session(chain(kind, ["multiprocess"])) as session:
            await session.send(Text("x"))
            await session.receive()
            os.kill(session.processes()["n0"], signal.SIGTERM)
            with trio.fail_after(10):
                await session.receive()


@pytest.mark.parametrize("backpressure", [True, False])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_process_that_waits_for_room_ends_with_its_session(
    runtime: Runtime, kind: str, backpressure: bool
) -> None:
    pipeline = chain(kind, ["multiprocess"], channel_capacity=2, enable_backpressure=backpressure)
    async with runtime.open_session(pipeline) as session:
        with trio.move_on_after(0.5):
            for number in range(20):
                await session.send(Json(number))
    # Nobody received: `nothing_left_behind` checks that the process is gone.


@pytest.mark.parametrize("place", ["native", "multiprocess"])
async def test_the_end_of_a_stream_comes_through_thousands_of_unread_bells(
    runtime: Runtime, tmp_path: Path, place: str
) -> None:
    path = tmp_path / "gate"
    os.mkfifo(path)
    pipeline = manifest(
        {"gate": ("Gated", {"path": str(path)})}, places={"gate": place}, channel_capacity=10_000
    )
    count = 9000  # a pipe holds 4096 bells
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session, trio.open_nursery() as nursery:
            for number in range(count):
                await session.send(Json(number))
            nursery.start_soon(session.close_input)
            await trio.Path(path).write_text("open")
            sequences = [result.sequence async for result in session]
    assert sequences == list(range(count))


@pytest.mark.parametrize("place", ["native", "multiprocess"])
async def test_an_item_larger_than_the_link_waits_until_all_before_it_is_taken(
    runtime: Runtime, place: str
) -> None:
    narrow = with_config(runtime, channel_bytes=100_000)
    pipeline = chain("PassThrough", [place, "multiprocess"])
    sizes = [1000, 200_000, 1000, 99_000, 300_000, 10]
    async with narrow.open_session(pipeline) as session:
        for size in sizes:
            # One after the other, so that each finds the nodes asleep.
            await session.send(Binary(np.zeros(size, np.uint8)))
            with trio.fail_after(10):
                result = await session.receive()
            assert len(bytes(result.data)) == size  # type: ignore[call-overload]


@pytest.mark.parametrize("kind", KINDS)
async def test_many_items_pass_through_small_queues_of_two_processes(
    runtime: Runtime, kind: str
) -> None:
    pipeline = chain((kind, {"seconds": 0.0}) if kind == "Slow" else kind, ["multiprocess"] * 2)
    items = [Json(number) for number in range(2000)]
    results = await run_through(runtime, pipeline, items)
    assert [result.sequence for result in results] == list(range(2000))
