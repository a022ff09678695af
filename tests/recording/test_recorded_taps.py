"""What is recorded of nodes in processes of their own, whose outputs come late and many at once."""

import io
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import trio
from mcap.reader import make_reader

from actors import Binary, Data, Json
from runtime import Manifest, ProcessExitError, Runtime, SessionKilledError
from runtime.recording import Recording, Side, open_recording, record
from runtime.session import Session
from tests.session.pipelines import manifest

EXECUTORS = ["native", "multiprocess"]


def one(executor: str) -> Manifest:
    return manifest({"node": "PassThrough"}, places={"node": executor})


async def pass_through(session: Session, items: list[Data]) -> None:
    for item in items:
        await session.send(item)
        await session.receive()


def values(recording: Recording) -> list[object]:
    return [item.data.value for item in recording.outputs("node") if isinstance(item.data, Json)]


@pytest.mark.parametrize("executor", EXECUTORS)
async def test_a_recording_that_ends_before_its_session_has_all_outputs_until_then(
    runtime: Runtime, tmp_path: Path, executor: str
) -> None:
    path = tmp_path / "session.mcap"
    async with runtime.open_session(one(executor)) as session:
        async with record(session, path):
            await pass_through(session, [Json(number) for number in range(20)])
        await pass_through(session, [Json("later")])
    recording = open_recording(path)
    assert values(recording) == list(range(20))
    assert recording.lost == 0


@pytest.mark.parametrize("executor", EXECUTORS)
async def test_of_two_recordings_the_one_that_ends_first_has_all_outputs_until_then(
    runtime: Runtime, tmp_path: Path, executor: str
) -> None:
    whole, part = tmp_path / "whole.mcap", tmp_path / "part.mcap"
    async with runtime.open_session(one(executor)) as session, record(session, whole):
        async with record(session, part):
            await pass_through(session, [Json(number) for number in range(10)])
        await pass_through(session, [Json(10)])
    assert values(open_recording(part)) == list(range(10))
    assert values(open_recording(whole)) == list(range(11))


async def test_what_a_node_process_emitted_before_it_was_killed_is_recorded(
    runtime: Runtime, tmp_path: Path
) -> None:
    path = tmp_path / "session.mcap"
    with pytest.raises(ProcessExitError):
        async with runtime.open_session(one("multiprocess")) as session, record(session, path):
            await pass_through(session, [Json(number) for number in range(20)])
            os.kill(session.processes()["node"], signal.SIGKILL)
            await session.receive()
    recording = open_recording(path)
    assert values(recording) == list(range(20))
    assert recording.error is not None


async def test_what_a_node_process_emitted_before_its_session_was_killed_is_recorded(
    runtime: Runtime, tmp_path: Path
) -> None:
    path = tmp_path / "session.mcap"
    with pytest.raises(SessionKilledError):
        async with runtime.open_session(one("multiprocess")) as session, record(session, path):
            await pass_through(session, [Json(number) for number in range(20)])
            session.kill("maintenance")
            await session.receive()
    assert values(open_recording(path)) == list(range(20))


@pytest.mark.parametrize("executor", EXECUTORS)
async def test_small_and_large_outputs_keep_their_order(
    runtime: Runtime, tmp_path: Path, executor: str
) -> None:
    path = tmp_path / "session.mcap"
    sizes = [1, 300_000, 2, 3, 3_000_000, 200_000, 4, 50_000, 5] * 5
    async with runtime.open_session(one(executor)) as session, record(session, path):
        await pass_through(session, [Binary(np.zeros(size, np.uint8)) for size in sizes])
    recording = open_recording(path)
    recorded = [item.data.data.size for item in recording.outputs("node")]  # type: ignore[attr-defined]
    assert recorded == sizes
    assert [item.sequence for item in recording.outputs("node")] == list(range(len(sizes)))


async def test_outputs_that_come_faster_than_they_are_taken_are_recorded_or_counted_as_lost(
    runtime: Runtime, tmp_path: Path
) -> None:
    path = tmp_path / "session.mcap"
    count = 3000
    async with runtime.open_session(one("multiprocess")) as session, record(session, path):

        async def send() -> None:
            for _ in range(count):
                await session.send(Binary(np.zeros(4000, np.uint8)))
            await session.close_input()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            assert len([result async for result in session]) == count
    recording = open_recording(path)
    sequences = [item.sequence for item in recording.outputs("node")]
    assert sequences == sorted(set(sequences))
    assert sum(recording.counts().values()) + recording.lost == 2 * count


@pytest.mark.parametrize("executor", EXECUTORS)
async def test_a_tap_beside_a_recording_gets_outputs_at_once_and_both_get_all(
    runtime: Runtime, tmp_path: Path, executor: str
) -> None:
    path = tmp_path / "session.mcap"
    async with runtime.open_session(one(executor)) as session, record(session, path):
        await pass_through(session, [Json(0)])
        async with session.tap("node.out") as outputs:
            for number in range(1, 10):
                await pass_through(session, [Json(number)])
                with trio.fail_after(5):
                    output = await outputs.receive()
                assert output.data == Json(number)
        await pass_through(session, [Json(10)])
    assert values(open_recording(path)) == list(range(11))


@pytest.mark.parametrize("executor", EXECUTORS)
async def test_an_output_that_waits_for_room_is_recorded_once(
    runtime: Runtime, tmp_path: Path, executor: str
) -> None:
    path = tmp_path / "session.mcap"
    pipeline = manifest(
        {"node": "PassThrough", "slow": "Slow"},
        ["node > slow"],
        places={"node": executor, "slow": executor},
        channel_capacity=1,
    )
    async with runtime.open_session(pipeline) as session, record(session, path):

        async def send() -> None:
            for number in range(50):
                await session.send(Json(number))
            await session.close_input()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            assert len([result async for result in session]) == 50
    recording = open_recording(path)
    assert values(recording) == list(range(50))
    assert len(recording.outputs("slow")) == 50


@pytest.mark.parametrize("executor", EXECUTORS)
async def test_what_was_emitted_is_soon_in_the_file_also_where_nothing_follows(
    runtime: Runtime, tmp_path: Path, executor: str
) -> None:
    """A server that is killed leaves the file as it is then."""
    path = tmp_path / "session.mcap"
    async with runtime.open_session(one(executor)) as session, record(session, path):
        await pass_through(session, [Json(0)])
        with trio.fail_after(10):
            while not (recording := open_recording(path)).counts()["node", Side.OUTPUT]:
                await trio.lowlevel.checkpoint()
        assert not recording.is_complete
        assert values(recording) == [0]


async def test_the_readers_of_the_format_check_and_index_a_recording(
    runtime: Runtime, tmp_path: Path
) -> None:
    path = tmp_path / "session.mcap"
    async with runtime.open_session(one("multiprocess")) as session, record(session, path):
        for part in range(3):
            await pass_through(session, [Json(100 * part + number) for number in range(20)])
            seen = open_recording(path).counts()["node", Side.OUTPUT]
            while open_recording(path).counts()["node", Side.OUTPUT] == seen:
                await trio.lowlevel.checkpoint()
    with io.BytesIO(path.read_bytes()) as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        assert summary is not None
        assert summary.statistics is not None
        assert summary.statistics.message_count == 120
        assert summary.statistics.chunk_count == len(summary.chunk_indexes) > 1
        outputs = list(reader.iter_messages(topics=["/out/node"]))
        assert len(outputs) == 60
        assert {schema.name for schema, _, _ in outputs if schema} == {"remotemedia.v1.DataChunk"}
        begin = outputs[30][2].log_time
        assert len(list(reader.iter_messages(topics=["/out/node"], starting_at=begin))) == 30
        assert [each.name for each in reader.iter_metadata()] == ["manifest", "end"]


@pytest.mark.parametrize("executor", EXECUTORS)
async def test_the_last_outputs_are_recorded_or_counted_as_lost_too(
    runtime: Runtime, tmp_path: Path, executor: str
) -> None:
    path = tmp_path / "session.mcap"
    pipeline = manifest({"node": "Burst"}, places={"node": executor}, enable_backpressure=False)
    async with runtime.open_session(pipeline) as session, record(session, path):
        await session.send(Binary(np.zeros(400_000, np.uint8)))
        await session.close_input()
        async for _ in session:
            pass
    recording = open_recording(path)
    assert len(recording.outputs("node")) + recording.lost == 1000
