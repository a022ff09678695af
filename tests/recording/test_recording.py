"""Recordings of sessions, and replays of them."""

from pathlib import Path

import numpy as np
import pytest

from actors import Audio, Bundle, Data, Json, NumpyArray, Text
from runtime import Manifest, NodeError, Runtime
from runtime.recording import (
    RecordingError,
    RecordingLimits,
    Side,
    Tolerance,
    difference,
    open_recording,
    record,
    replay,
)
from tests.session.pipelines import manifest

EXECUTORS = ["native", "multiprocess"]
ITEMS: list[Data] = [
    Json({"value": 1}),
    Text("hello", metadata={"who": "me"}),
    Audio(np.arange(480, dtype=np.float32), 16000),
    NumpyArray(np.eye(3)),
    Bundle({"a": Text("x"), "b": Json([1, 2])}),
]


def chain(executor: str) -> Manifest:
    return manifest(
        {"first": "PassThrough", "second": "PassThrough"},
        ["first > second"],
        places={"first": executor, "second": executor},
    )


async def recorded(runtime: Runtime, path: Path, executor: str) -> None:
    async with runtime.open_session(chain(executor)) as session, record(session, path):
        for item in ITEMS:
            await session.send(item, timestamp_ms=7)
        await session.close_input()
        async for _ in session:
            pass


@pytest.mark.parametrize("executor", EXECUTORS)
async def test_a_recording_has_every_item_bit_for_bit(
    runtime: Runtime, tmp_path: Path, executor: str
) -> None:
    path = tmp_path / "session.mcap"
    await recorded(runtime, path, executor)
    recording = open_recording(path)
    assert recording.is_complete
    assert recording.lost == 0
    assert recording.error is None
    for items in (recording.inputs(), recording.outputs("first"), recording.outputs("second")):
        assert [difference(a, b.data) for a, b in zip(ITEMS, items, strict=True)] == [""] * 5
        assert [item.sequence for item in items] == list(range(5))
        assert {item.timestamp_ms for item in items} == {7}
        assert all(0 <= item.latency_seconds < 60 for item in items)
    assert dict(recording.outputs("first")[1].data.metadata) == {"who": "me"}
    assert len(recording.received("second")) == 5


@pytest.mark.parametrize("executor", EXECUTORS)
async def test_a_replay_gives_the_same_outputs(
    runtime: Runtime, tmp_path: Path, executor: str
) -> None:
    path = tmp_path / "session.mcap"
    await recorded(runtime, path, executor)
    whole = await replay(runtime, open_recording(path))
    assert {node.node_id for node in whole.nodes} == {"first", "second"}
    assert whole.error is None
    assert whole.differences == []
    one = await replay(runtime, open_recording(path), node="second", speed=100)
    assert [node.node_id for node in one.nodes] == ["second"]
    assert [len(node.new) for node in one.nodes] == [5]
    assert one.differences == []


async def test_a_replay_through_another_pipeline_tells_what_differs(
    runtime: Runtime, tmp_path: Path
) -> None:
    path = tmp_path / "session.mcap"
    double = manifest({"n": ("MultiplyNode", {"factor": 2.0})}, places={"n": "native"})
    async with runtime.open_session(double) as session, record(session, path):
        await session.send(Json({"value": 4}))
        await session.close_input()
        async for _ in session:
            pass
    triple = manifest({"n": ("MultiplyNode", {"factor": 3.0})}, places={"n": "native"})
    result = await replay(runtime, open_recording(path), triple)
    assert [str(each) for each in result.differences] == [
        "n output 0: value.value was 8.0, is 12.0"
    ]
    near = await replay(runtime, open_recording(path), triple, tolerance=Tolerance(relative=0.5))
    assert near.differences == []


@pytest.mark.parametrize("executor", EXECUTORS)
async def test_a_recording_of_a_failed_session_has_the_error_and_the_item(
    runtime: Runtime, tmp_path: Path, executor: str
) -> None:
    path = tmp_path / "session.mcap"
    pipeline = manifest({"calc": "CalculatorNode"}, places={"calc": executor})
    wrong = {"operation": "divide", "operands": [1, 0]}
    with pytest.raises(NodeError):
        async with runtime.open_session(pipeline) as session, record(session, path):
            await session.send(Json(wrong))
            await session.receive()
    recording = open_recording(path)
    assert recording.is_complete
    error = recording.error
    assert error is not None
    assert (error.error, error.node_id) == ("HookError", "calc")
    (item,) = recording.received("calc")
    assert isinstance(item.data, Json)
    assert item.data.value == wrong
    assert item.side is Side.INPUT


async def test_a_file_that_was_cut_off_reads_to_its_last_complete_chunk(
    runtime: Runtime, tmp_path: Path
) -> None:
    path = tmp_path / "session.mcap"
    await recorded(runtime, path, "native")
    whole = path.read_bytes()
    counts = set()
    for size in range(len(whole) - 1, len(whole) // 2, -97):
        path.write_bytes(whole[:size])
        try:
            recording = open_recording(path)
        except RecordingError:
            continue
        counts.add(len(list(recording)))
    assert 15 in counts
    path.write_bytes(b"no recording")
    with pytest.raises(RecordingError, match="no MCAP file"):
        open_recording(path)


async def test_a_recording_stops_at_its_limit_and_the_session_goes_on(
    runtime: Runtime, tmp_path: Path
) -> None:
    path = tmp_path / "session.mcap"
    limits = RecordingLimits(max_bytes=100_000)
    noise = np.random.default_rng(1)
    async with (
        runtime.open_session(chain("native")) as session,
        record(session, path, limits=limits),
    ):
        for _ in range(100):
            await session.send(Audio(noise.random(16000, np.float32), 16000))
            await session.receive()
        await session.close_input()
        assert [result async for result in session] == []
    recording = open_recording(path)
    assert "100000 bytes" in recording.end["stopped"]
    assert path.stat().st_size < 5_000_000


async def test_a_recording_that_cannot_be_written_starts_nothing(
    runtime: Runtime, tmp_path: Path
) -> None:
    async with runtime.open_session(chain("native")) as session:
        with pytest.raises(RecordingError, match="cannot be written"):
            async with record(session, tmp_path / "missing" / "session.mcap"):
                pass


@pytest.mark.parametrize("executor", EXECUTORS)
async def test_a_session_of_sources_is_recorded_and_each_of_its_nodes_replayed(
    runtime: Runtime, tmp_path: Path, executor: str
) -> None:
    path = tmp_path / "session.mcap"
    nodes = {"source": "AsyncCounter", "next": "PassThrough"}
    pipeline = manifest(nodes, ["source > next"], places=dict.fromkeys(nodes, executor))
    async with runtime.open_session(pipeline) as session, record(session, path):
        async for _ in session:
            pass
    recording = open_recording(path)
    assert [item.data for item in recording.outputs("source")] == [Json(n) for n in range(5)]
    with pytest.raises(RecordingError, match="the sources source generate items"):
        await replay(runtime, recording)
    one = await replay(runtime, recording, node="next")
    assert not one.differences
