"""Sources and background tasks in the test kit."""

import pytest

from actors import Text
from actors.nodes.echo import EchoNode
from runtime import InputError

from .subjects import Beats, Heartbeat, Lines


def texts(items):
    return [item.text for item in items]


@pytest.mark.executors
def test_a_source_with_an_end_gives_all_its_items(run_actor):
    with run_actor(Lines) as source:
        assert texts(source.end()) == ["line 0", "line 1", "line 2"]
        assert [output.sequence for output in source.outputs] == [0, 1, 2]


@pytest.mark.executors
def test_a_source_without_an_end_is_stopped(run_actor):
    with run_actor(Beats) as source:
        source.stop()


def test_a_source_follows_virtual_time(run_actor):
    with run_actor(Beats, virtual_time=True) as source:
        assert source.take() == []
        assert texts(source.advance(3.5)) == ["beat 0", "beat 1", "beat 2"]
        assert texts(source.advance(0.5)) == ["beat 3"]
        assert [output.timestamp_ms for output in source.outputs] == [1000, 2000, 3000, 4000]
        assert source.stop() == []


async def test_a_source_follows_the_clock_of_a_trio_test(run_actor, mock_clock):
    async with run_actor(Beats, virtual_time=True) as source:
        assert texts(await source.advance(2)) == ["beat 0", "beat 1"]


def test_tasks_and_intervals_follow_virtual_time(run_actor):
    with run_actor(Heartbeat, virtual_time=True) as node:
        assert texts(node.advance(5)) == ["task", "interval", "task"]
        assert texts(node.feed(Text("item"))) == ["item"]
        assert sorted(texts(node.advance(1))) == ["interval", "task"]
        assert node.end() == []


def test_missed_intervals_are_not_made_up_for(run_actor):
    with run_actor(Heartbeat, virtual_time=True) as node:
        assert texts(node.advance(3)).count("interval") == 1


def test_a_pipeline_feeds_only_the_sources_that_take_items(run_pipeline):
    nodes = {"lines": Lines, "entry": EchoNode, "join": EchoNode}
    with run_pipeline(nodes, ["lines > join", "entry > join"]) as pipeline:
        pipeline.feed(Text("fed"))
        pipeline.end()
        assert sum(output.data.text.endswith("fed") for output in pipeline.outputs) == 1
        assert len(pipeline.outputs) == 4


def test_a_source_cannot_be_fed(run_actor):
    with run_actor(Lines) as source, pytest.raises(InputError, match="generate items"):
        source.feed(Text("x"))
