import asyncio
import threading
import time
from typing import Any

import numpy as np
import pytest

from actors import Audio, Json, NumpyArray, Text
from actors.nodes.echo import EchoNode
from actors.testing import harness, pipeline_harness
from runtime import HookError, InputError, ManifestError
from tests.executors.batched_specimens import BatchedTotal

from .subjects import (
    BadStart,
    Collector,
    Forgetful,
    Fragile,
    GainNode,
    GainParams,
    Later,
    Pairs,
    SlowStart,
    StartsInThread,
)

pytestmark = pytest.mark.executors


def texts(items):
    return [item.text for item in items]


def test_feed_returns_what_the_items_gave_and_end_what_the_flush_gave(run_actor):
    with run_actor(Pairs) as node:
        assert node.feed(Text("a")) == []
        assert texts(node.feed(Text("b"), Text("c"))) == ["a", "b"]
        assert texts(node.end()) == ["c"]
        assert [output.sequence for output in node.outputs] == [1, 1, 2]


def test_params_are_those_of_a_manifest(run_actor):
    with run_actor(GainNode, params={"gain": 2}) as node:
        (louder,) = node.feed(Audio(np.ones(4, np.float32), 16000))
    assert (louder.samples == 2).all()
    with run_actor(GainNode, params=GainParams(gain=3)) as node:
        (louder,) = node.feed(Audio(np.ones(4, np.float32), 16000))
    assert (louder.samples == 3).all()


def test_wrong_params_are_refused_before_anything_starts(run_actor):
    with pytest.raises(ManifestError, match="param gain: got 9; expected a number from 0 to 8"):
        run_actor(GainNode, params={"gain": 9})


def test_what_a_node_raises_is_raised_by_the_call_that_waits(run_actor):
    with run_actor(Fragile) as node:
        assert node.feed(Json(1))
        with pytest.raises(HookError, match=r"process\(\) raised ValueError: no text") as caught:
            node.feed(Text("x"))
        assert caught.value.node_id == "node"
        with pytest.raises(HookError):
            node.end()


def test_a_failure_leaves_the_block_like_any_error(run_actor):
    with pytest.raises(HookError, match="no text"), run_actor(Fragile) as node:
        node.feed(Text("x"))


def test_a_failing_initialize_is_raised_on_entering(run_actor):
    with (
        pytest.raises(HookError, match=r"initialize\(\) raised OSError: no such model"),
        run_actor(BadStart),
    ):
        pytest.fail("the block ran")


def test_a_kind_that_it_does_not_take_names_both(run_actor):
    with run_actor(GainNode) as node, pytest.raises(InputError, match="takes audio, and got text"):
        node.feed(Text("x"))


def test_progress_reports_are_kept_in_their_order(run_actor):
    with run_actor(SlowStart) as node:
        reports = [(each.status, each.fraction, each.message) for each in node.progress["node"]]
    assert reports == [
        ("starting", 0.0, ""),
        ("loading_model", 0.25, "reading"),
        ("loading_model", 0.75, "warming"),
        ("ready", 1.0, ""),
    ]


def test_leaving_the_block_cancels_what_still_runs(run_actor):
    with run_actor(Forgetful) as node:
        node.send(Text("x"))


def test_a_pipeline_runs_several_nodes(run_pipeline):
    nodes = {"pairs": Pairs, "left": EchoNode, "right": EchoNode, "join": EchoNode}
    ways = ["pairs > left", "pairs > right", "left > join", "right > join"]
    with run_pipeline(nodes, ways) as pipeline:
        assert pipeline.feed(Text("a")) == []
        assert len(pipeline.feed(Text("b"))) == 4
        assert len(pipeline.feed(Text("in the middle"), node="left")) == 1
        assert len(pipeline.end()) == 0
        assert {output.node for output in pipeline.outputs} == {"join"}


def test_sequence_and_timestamp_travel_with_the_outputs(run_actor):
    with run_actor(EchoNode) as node:
        node.feed(Text("a"), Text("b"), sequence=7, timestamp_ms=120)
        seen = [(output.sequence, output.timestamp_ms) for output in node.outputs]
    assert seen == [(7, 120), (8, 120)]


def test_copies_that_were_forced_are_counted(run_actor, executor):
    with run_actor(Collector) as node:
        node.feed(*(NumpyArray(np.full(1000, index)) for index in range(40)))
        (kept,) = node.end()
        assert kept.value == 40
        # A link lends so many arrays to another process; what is kept beyond them is copied.
        assert (node.copies > 0) == (executor == "multiprocess")


async def test_the_same_on_trio(run_actor):
    async with run_actor(Pairs) as node:
        assert await node.feed(Text("a")) == []
        assert texts(await node.end()) == ["a"]
    with pytest.raises(HookError, match="no text"):
        async with run_actor(Fragile) as node:
            await node.feed(Text("x"))


def test_the_same_on_asyncio(run_actor):
    async def main() -> None:
        async with run_actor(Pairs) as node:
            assert await node.feed(Text("a")) == []
            await node.send(Text("b"))
            assert texts(await node.end()) == ["a", "b"]
        async with run_actor(Fragile) as node:
            with pytest.raises(HookError, match="no text"):
                await node.feed(Text("x"))

    asyncio.run(main())


async def test_a_plain_with_in_an_async_test_says_what_to_write(run_actor):
    with pytest.raises(RuntimeError, match="use the harness with `async with`"):
        run_actor(Pairs).__enter__()


def test_time_passes_when_the_test_says_so(run_actor):
    with run_actor(Later, virtual_time=True) as node:
        node.send(Text("x"))
        assert texts(node.advance(1.5)) == ["x"]


@pytest.mark.executors("native")
def test_virtual_time_stands_still_by_itself(run_actor):
    began = time.monotonic()
    with run_actor(Later, virtual_time=True) as node:
        node.send(Text("x"))
        assert node.advance(0.999) == []
        assert texts(node.advance(0.001)) == ["x"]
        for _ in range(100):
            node.send(Text("x"))
            node.advance(1)
        assert len(node.outputs) == 101
    assert time.monotonic() - began < 100


@pytest.mark.executors("native")
async def test_virtual_time_on_trio_is_the_clock_of_the_test(run_actor, mock_clock):
    async with run_actor(Later, virtual_time=True) as node:
        await node.send(Text("x"))
        assert await node.advance(0.9) == []
        assert texts(await node.advance(0.1)) == ["x"]


@pytest.mark.executors("native")
async def test_virtual_time_on_trio_without_a_virtual_clock_says_which_fixture(run_actor):
    with pytest.raises(RuntimeError, match="fixture mock_clock"):
        await run_actor(Later, virtual_time=True).__aenter__()


@pytest.mark.executors("native")
def test_workers_of_the_applications_event_loop_are_not_the_nodes(run_actor, caplog):
    async def main():
        barrier = threading.Barrier(3)
        async with run_actor(EchoNode):
            await asyncio.gather(*(asyncio.to_thread(barrier.wait) for _ in range(3)))

    asyncio.run(main())
    assert "still running" not in caplog.text


@pytest.mark.executors("native")
def test_a_connection_is_an_arrow():
    with pytest.raises(ValueError, match='of the form "a > b"'):
        pipeline_harness({"a": EchoNode, "b": EchoNode}, ["a b"])


@pytest.mark.executors("native")
def test_without_a_fixture_it_is_the_same():
    with harness(EchoNode, executor="multiprocess") as node:
        assert texts(node.feed(Text("a"))) == ["Echo #1: a"]


def test_progress_may_be_reported_from_a_thread(run_actor):
    with run_actor(StartsInThread) as node:
        assert [each.message for each in node.progress["node"]][1:4] == [
            "step 1",
            "step 2",
            "step 3",
        ]


@pytest.mark.parametrize("place", ["native", "multiprocess", "shared"])
def test_a_batched_actor_runs_in_each_executor(actor_kit, place):
    params = {"start": 2.0}
    with harness(BatchedTotal, params=params, executor=place, kit=actor_kit) as node:
        (first,) = node.feed(Json(1.0))
        assert isinstance(first, Json)
        value: Any = first.value
        assert value[0] == 3.0
        assert node.end() == [Json(["flushed", 3.0])]
