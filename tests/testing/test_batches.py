"""An actor that declares a batch gets lists."""

import pytest

from actors import Batch, CancelSpeculation, Control, Text

from .subjects import Batched

pytestmark = pytest.mark.executors


def texts(items):
    return [item.text for item in items if isinstance(item, Text)]


def test_a_batch_has_at_most_so_many_items(run_actor):
    with run_actor(Batched) as node:
        assert texts(node.feed(*map(Text, "abcd"))) == ["a+b+c", "d"]
        assert [output.sequence for output in node.outputs] == [2, 3]


def test_a_batch_waits_no_longer_than_it_says(run_actor):
    with run_actor(Batched, virtual_time=True) as node:
        node.send(Text("a"), Text("b"))
        assert texts(node.advance(1.5)) == ["a+b"]


def test_the_end_of_the_stream_ends_a_batch(run_actor):
    with run_actor(Batched) as node:
        node.send(Text("a"), Text("b"))
        assert texts(node.end()) == ["a+b"]


def test_what_is_cancelled_is_not_in_the_batch(run_actor):
    with run_actor(Batched) as node:
        node.send(Text("a"), timestamp_ms=1)
        node.send(Text("b"), timestamp_ms=2)
        assert texts(node.feed(Control(CancelSpeculation(1, 1)))) == ["b"]


@pytest.mark.executors("native")
def test_a_batch_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="needs items >= 1"):
        Batch(items=0, seconds=1)


@pytest.mark.executors("native")
def test_a_batched_actor_keeps_the_contract(check_actor):
    check_actor(Batched)
