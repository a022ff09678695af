"""Control messages overtake what waits, and reach every node downstream."""

import pytest

from actors import BatchHint, CancelSpeculation, Control, DeadlineWarning, Json, Text

from .subjects import AsyncTalker, Interrupter, Listener, Reader, Stuck, Talker

pytestmark = pytest.mark.executors


def texts(items):
    return [item.text for item in items if isinstance(item, Text)]


def controls(items):
    return [item for item in items if isinstance(item, Control)]


@pytest.mark.parametrize("actor", [Talker, AsyncTalker])
def test_cancelling_stops_a_running_call_and_drops_what_waits_of_its_time(run_actor, actor):
    with run_actor(actor) as node:
        node.send(Text("first"), Text("second"), timestamp_ms=100)
        node.send(Text("short"), timestamp_ms=300)
        cancel = Control(CancelSpeculation(50, 200))
        out = node.feed(cancel)
        assert len(texts(out)) < 1000
        assert "short" in texts(out)
        assert not [text for text in texts(out) if text.startswith("second")]
        assert controls(out) == [cancel]
        # What comes later is another matter, even if it claims the same time.
        assert texts(node.feed(Text("short"), timestamp_ms=100)) == ["short"]


def test_a_call_that_waits_for_ever_is_cancelled(run_actor):
    with run_actor(Stuck) as node:
        node.send(Text("long"), Text("long"), timestamp_ms=1)
        node.feed(Control(CancelSpeculation(0, 1)))
        assert texts(node.feed(Text("short"))) == ["short"]
        node.send(Text("long"), timestamp_ms=7)
        node.send(Text("kept"), timestamp_ms=9)
        assert texts(node.feed(Control(CancelSpeculation(7, 8)))) == ["kept"]


def test_every_message_reaches_the_hook_before_the_next_item(run_actor):
    with run_actor(Listener) as node:
        hint = Control(BatchHint(4), "part", 12)
        assert node.feed(hint) == [hint]
        node.feed(Control(DeadlineWarning(500)), Control(None, "a mark"))
        (heard,) = node.feed(Text("x"))
        assert heard == Json(
            [
                "x",
                "BatchHint(suggested_batch_size=4) part 12",
                "DeadlineWarning(deadline_us=500)  0",
                "None a mark 0",
            ]
        )
        assert node.feed(Text("y")) == [Json(["y"])]


def test_messages_reach_every_node_downstream_and_none_beside(run_pipeline):
    nodes = {"a": Stuck, "b": Listener, "c": Listener, "other": Listener}
    with run_pipeline(nodes, ["a > b", "a > c"]) as pipeline:
        pipeline.feed(Control(BatchHint(2)), node="a")
        heard = pipeline.feed(Text("x"), node="a")
        assert [item.value[1] for item in heard] == [
            "BatchHint(suggested_batch_size=2)  0",
            "BatchHint(suggested_batch_size=2)  0",
        ]
        assert pipeline.feed(Text("y"), node="other") == [Json(["y"])]


def test_who_accepts_control_messages_gets_them_in_their_turn_too(run_actor):
    with run_actor(Reader) as node:
        hint = Control(BatchHint(4))
        assert node.feed(Text("a")) == [Json(["a"])]
        assert node.feed(hint) == [Json("in its turn"), hint]
        assert node.feed(Text("b")) == [Json(["b", "BatchHint(suggested_batch_size=4)  0"])]


def test_a_message_of_a_node_cancels_what_is_downstream_of_it(run_pipeline):
    nodes = {"ear": Interrupter, "mouth": AsyncTalker, "speaker": Stuck}
    with run_pipeline(nodes, ["ear > mouth", "mouth > speaker"]) as pipeline:
        pipeline.send(Text("hello"), timestamp_ms=10)
        pipeline.send(Text("stop"), timestamp_ms=20)
        out = pipeline.feed(Text("short"), timestamp_ms=30)
        assert len(texts(out)) < 1000
        assert texts(out)[-1] == "short"
        assert controls(out) == [Control(CancelSpeculation(0, 20))]


def test_a_diamond_keeps_nothing_of_a_cancelled_time(run_pipeline):
    nodes = {"mouth": AsyncTalker, "left": Stuck, "right": Stuck, "join": Stuck}
    ways = ["mouth > left", "mouth > right", "left > join", "right > join"]
    with run_pipeline(nodes, ways) as pipeline:
        for second in range(3):
            pipeline.send(Text("hello"), timestamp_ms=second)
            pipeline.feed(Control(CancelSpeculation(second, second)))
            assert texts(pipeline.feed(Text("short"), timestamp_ms=second)) == ["short"] * 2


def test_an_async_test_cancels_in_the_same_way(run_actor):
    import asyncio

    async def main() -> None:
        async with run_actor(Stuck) as node:
            await node.send(Text("long"), timestamp_ms=1)
            await node.feed(Control(CancelSpeculation(1, 1)))

    asyncio.run(main())
