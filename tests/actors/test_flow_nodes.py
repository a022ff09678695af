"""Nodes that join, route, thin out and group what flows through them."""

import pytest

from actors import Binary, Bundle, CancelSpeculation, Control, Json, Text
from actors.nodes.echo import EchoNode
from actors.nodes.pass_through import PassThrough
from actors.nodes.route import RouteNode
from actors.nodes.throttle import ThrottleNode
from actors.nodes.time_join import TimeJoinNode
from actors.nodes.window import WindowNode
from runtime import HookError, ManifestError
from tests.session.pipelines import manifest


def members(bundles):
    return [
        {name: item.value for name, item in bundle.members.items() if isinstance(item, Json)}
        for bundle in bundles
        if isinstance(bundle, Bundle)
    ]


def joined(run_pipeline, feeds, **params):
    """Return the bundles of a join of a and b; `feeds` are (node, timestamp) in their order."""
    nodes = {"a": PassThrough, "b": PassThrough, "join": (TimeJoinNode, params)}
    with run_pipeline(nodes, ["a > join", "b > join"]) as pipeline:
        outputs = []
        for node, timestamp_ms in feeds:
            outputs += pipeline.feed(Json(timestamp_ms), node=node, timestamp_ms=timestamp_ms)
        before_end = len(outputs)
        outputs += pipeline.end()
        timestamps = [each.timestamp_ms for each in pipeline.outputs]
    return members(outputs), before_end, timestamps


@pytest.mark.executors
def test_a_join_takes_the_nearest_item_within_the_tolerance(run_pipeline):
    feeds = [("a", 100), ("b", 90), ("b", 104), ("b", 130), ("a", 200), ("b", 300)]
    found, before_end, timestamps = joined(run_pipeline, feeds, inputs=["a", "b"], tolerance_ms=20)
    assert found == [{"a": 100, "b": 104}]
    assert timestamps == [100]
    assert before_end == 1


def test_a_join_does_not_use_an_item_twice(run_pipeline):
    feeds = [("a", 100), ("a", 105), ("b", 103), ("b", 200)]
    found, *_ = joined(run_pipeline, feeds, inputs=["a", "b"], tolerance_ms=20)
    assert found == [{"a": 100, "b": 103}]


def test_the_end_of_the_stream_completes_the_last_bundle(run_pipeline):
    found, before_end, _ = joined(run_pipeline, [("a", 100), ("b", 95)], inputs=["a", "b"])
    assert found == [{"a": 100, "b": 95}]
    assert before_end == 0


def test_a_join_without_names_takes_the_nodes_as_they_come(run_pipeline):
    found, *_ = joined(run_pipeline, [("b", 1), ("a", 2), ("a", 9)])
    assert found == [{"b": 1, "a": 2}]


def test_a_join_bounds_what_waits_for_an_input_that_is_silent(run_pipeline):
    feeds = [*(("a", n) for n in range(10)), ("b", 9)]
    found, *_ = joined(run_pipeline, feeds, inputs=["a", "b"], tolerance_ms=100, max_waiting=3)
    assert found == [{"a": 7, "b": 9}]


def test_a_join_refuses_other_nodes(run_pipeline):
    with pytest.raises(HookError, match="came from 'b'; the param inputs has a, client"):
        joined(run_pipeline, [("b", 1)], inputs=["a", "client"])
    with pytest.raises(ManifestError, match=r"inputs\[1\]: .* does not read 'c'; it reads: a, b;"):
        joined(run_pipeline, [], inputs=["a", "c"])
    with pytest.raises(ManifestError, match="at least two nodes"):
        joined(run_pipeline, [], inputs=["a"])


def test_a_join_drops_what_is_cancelled(run_pipeline):
    nodes = {"a": PassThrough, "b": PassThrough, "join": (TimeJoinNode, {"inputs": ["a", "b"]})}
    with run_pipeline(nodes, ["a > join", "b > join"]) as pipeline:
        pipeline.feed(Json(1), node="a", timestamp_ms=100)
        pipeline.feed(Control(CancelSpeculation(90, 110)))
        pipeline.feed(Json(2), node="b", timestamp_ms=120)
        assert members(pipeline.end()) == []


ROUTES = [
    {"to": "high", "field": "score.value", "at_least": 0.5},
    {"to": "low", "field": "score.value", "below": 0.5},
    {"to": "ann", "metadata": "speaker", "equals": ["ann", "anna"]},
    {"to": "text", "kind": "text"},
]


@pytest.mark.executors
@pytest.mark.parametrize(
    ("item", "reader"),
    [
        (Json({"score": {"value": 0.5}}), "high"),
        (Json({"score": {"value": -1}}), "low"),
        (Json({"score": {"value": True}}), "rest"),
        (Json({"score": "none"}, metadata={"speaker": "anna"}), "ann"),
        (Text("hello"), "text"),
        (Text("hello", metadata={"speaker": "ann"}), "ann"),
        (Json([1]), "rest"),
    ],
)
def test_an_item_goes_where_the_first_rule_says(run_pipeline, item, reader):
    readers = ["high", "low", "ann", "text", "rest"]
    route = (RouteNode, {"routes": ROUTES, "otherwise": "rest"})
    nodes = {**dict.fromkeys(readers, PassThrough), "route": route}
    with run_pipeline(nodes, [f"route > {name}" for name in readers]) as pipeline:
        assert pipeline.feed(item, node="route") == [item]
        assert [output.node for output in pipeline.outputs] == [reader]


def test_what_no_rule_takes_is_dropped_without_otherwise(run_pipeline):
    nodes = {"route": (RouteNode, {"routes": [{"to": "a", "kind": "text"}]}), "a": EchoNode}
    with run_pipeline(nodes, ["route > a"]) as pipeline:
        assert pipeline.feed(Json(1)) == []
        assert len(pipeline.feed(Text("x"))) == 1


def test_wrong_rules_are_refused_before_anything_flows(run_pipeline):
    def route(*rules, otherwise=""):
        params = {"routes": list(rules), "otherwise": otherwise}
        return run_pipeline({"route": (RouteNode, params), "a": EchoNode}, ["route > a"])

    with pytest.raises(ManifestError, match="param otherwise: 'b' does not read"):
        route(otherwise="b")
    for rule, words in (
        ({"to": "b"}, r"routes\[0\]\.to: 'b' does not read this node; its readers: a;"),
        ({"to": "a", "field": "x", "metadata": "y"}, "field or metadata, not both"),
        ({"to": "a", "at_least": 1}, "need a field or metadata"),
        ({"to": "a", "kind": "sound"}, "kind"),
    ):
        with pytest.raises(ManifestError, match=words):
            route(rule)


def test_the_first_item_passes_and_the_latest_at_the_end_of_the_interval(run_actor):
    with run_actor(ThrottleNode, params={"interval_ms": 100}, virtual_time=True) as node:
        assert node.feed(Json(1), Json(2), Json(3), timestamp_ms=7) == [Json(1)]
        assert node.advance(0.05) == []
        assert node.advance(0.05) == [Json(3)]
        assert node.outputs[-1].timestamp_ms == 7
        assert node.feed(Json(4)) == []
        assert node.advance(0.1) == [Json(4)]
        assert node.advance(1) == []
        assert node.feed(Json(5), Json(6)) == [Json(5)]
        assert node.end() == [Json(6)]
        assert [output.sequence for output in node.outputs] == [0, 2, 3, 4, 5]


def test_the_first_item_of_each_interval_passes(run_actor):
    params = {"interval_ms": 100, "keep": "first"}
    with run_actor(ThrottleNode, params=params, virtual_time=True) as node:
        assert node.feed(Json(1), Json(2)) == [Json(1)]
        assert node.advance(0.1) == []
        assert node.feed(Json(3), Json(4)) == [Json(3)]
        assert node.end() == []


def test_an_item_that_waits_can_be_cancelled(run_actor):
    with run_actor(ThrottleNode, params={"interval_ms": 100}, virtual_time=True) as node:
        node.feed(Json(1))
        node.feed(Json(2), timestamp_ms=50)
        node.feed(Control(CancelSpeculation(40, 60)))
        assert node.advance(1) == []


def windows(run_actor, timestamps, **params):
    """Return the values in each window of items whose values are their timestamps."""
    with run_actor(WindowNode, params=params) as node:
        for timestamp_ms in timestamps:
            node.feed(Json(timestamp_ms), timestamp_ms=timestamp_ms)
        node.end()
        bundles = [output.data for output in node.outputs]
        assert [output.timestamp_ms for output in node.outputs] == [
            list(bundle.members.values())[-1].value for bundle in bundles
        ]
    return [list(each.values()) for each in members(bundles)]


@pytest.mark.executors
@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"size": 3}, [[0, 1, 2], [3, 4, 5], [6]]),
        ({"size": 3, "partial": False}, [[0, 1, 2], [3, 4, 5]]),
        ({"size": 3, "hop": 2}, [[0, 1, 2], [2, 3, 4], [4, 5, 6], [6]]),
        ({"size": 2, "hop": 3}, [[0, 1], [3, 4], [6]]),
    ],
)
def test_windows_by_number(run_actor, params, expected):
    assert windows(run_actor, range(7), **params) == expected


@pytest.mark.parametrize(
    ("params", "timestamps", "expected"),
    [
        ({"size": 10}, [100, 105, 110, 119, 125], [[100, 105], [110, 119], [125]]),
        ({"size": 10, "hop": 5}, [0, 6, 12, 20], [[0, 6], [6, 12], [12], [20], [20]]),
        ({"size": 10, "hop": 20}, [0, 15, 21, 30], [[0], [21]]),
        ({"size": 10}, [0, 1000, 1001], [[0], [1000, 1001]]),
        ({"size": 10}, [0, 10, 5, 12], [[0], [10, 12]]),
    ],
)
def test_windows_by_time(run_actor, params, timestamps, expected):
    with run_actor(WindowNode, params={**params, "unit": "ms"}) as node:
        for timestamp_ms in timestamps:
            node.feed(Json(timestamp_ms), timestamp_ms=timestamp_ms)
        node.end()
        found = members([output.data for output in node.outputs])
    assert [list(each.values()) for each in found] == expected


def test_a_window_says_what_it_has(run_actor):
    with run_actor(WindowNode, params={"size": 10, "unit": "ms"}) as node:
        node.feed(Text("a"), timestamp_ms=5)
        node.feed(Text("b"), timestamp_ms=7)
        (bundle,) = node.end()
    assert dict(bundle.metadata) == {
        "window_start_ms": "5",
        "window_end_ms": "15",
        "count": "2",
    }


def test_a_window_with_too_many_items_is_an_error(run_actor):
    params = {"size": 10, "unit": "ms", "max_items": 2}
    with run_actor(WindowNode, params=params) as node, pytest.raises(HookError, match="than 2 it"):
        node.feed(Json(1), Json(2), Json(3))


async def test_an_item_that_ends_very_many_windows_emits_them_one_after_the_other(runtime):
    params = {"size": 86_400_000, "hop": 1, "unit": "ms"}
    async with runtime.open_session(manifest({"window": ("WindowNode", params)})) as session:
        for timestamp_ms in (0, 86_399_999, 200_000_000):
            await session.send(Json(timestamp_ms), timestamp_ms=timestamp_ms)
        windows = [(await session.receive()).data for _ in range(3)]
    assert members(windows) == [{"0": 0, "1": 86_399_999}, {"0": 86_399_999}, {"0": 86_399_999}]


def test_what_a_window_holds_is_bounded_in_bytes(run_actor):
    item = Binary(bytes(16 * 2**20))
    with (
        run_actor(WindowNode, params={"size": 1000}) as node,
        pytest.raises(HookError, match="more than 268435456 bytes"),
    ):
        node.feed(*[item] * 17)


def test_what_a_join_holds_is_bounded_in_bytes(run_pipeline):
    nodes = {"a": PassThrough, "b": PassThrough, "join": (TimeJoinNode, {"inputs": ["a", "b"]})}
    item = Binary(bytes(16 * 2**20))
    with run_pipeline(nodes, ["a > join", "b > join"]) as pipeline:
        for number in range(20):
            pipeline.feed(item, node="a", timestamp_ms=1000 * number)
        found = []
        for number in range(20):
            found += pipeline.feed(Json(number), node="b", timestamp_ms=1000 * number)
        found += pipeline.end()
    assert [bundle.members["b"].value for bundle in found] == list(range(5, 20))
