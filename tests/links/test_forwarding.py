"""What a node received through shared memory and emits again is not copied."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import trio

from actors import Binary, Bundle, Data, Json, NumpyArray, PixelFormat, Video
from runtime import Manifest, NodeError, Result, Runtime, RuntimeConfig
from runtime.config import Multiprocess
from runtime.execution import NodeStatistics
from runtime.links.shared.references import LEAST_BYTES
from tests.conftest import OpenRuntime
from tests.session.pipelines import chain, manifest, run_through, with_config

from .specimens import VIEWS

MIB = 1024 * 1024
CHILD, NATIVE = "multiprocess", "native"
rng = np.random.default_rng(11)


def frame(number: int, width: int = 480, height: int = 360) -> Video:
    pixels = np.frombuffer(rng.bytes(width * height * 3), np.uint8)
    return Video(pixels, width, height, PixelFormat.RGB24, number)


def blobs(count: int, size: int = LEAST_BYTES) -> list[Data]:
    return [Binary(rng.bytes(size)) for _ in range(count)]


async def stream_through(
    runtime: Runtime, pipeline: Manifest, items: Sequence[Data]
) -> tuple[list[Result], Mapping[str, NodeStatistics], int]:
    """Send items as fast as they are taken; return results, figures of the nodes, and drops."""
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session, trio.open_nursery() as nursery:

            @nursery.start_soon
            async def send() -> None:
                for item in items:
                    await session.send(item)
                await session.close_input()

            results = [result async for result in session]
            return results, session.statistics(), session.dropped()


async def copies_of(
    runtime: Runtime, places: Sequence[str], items: Sequence[Data]
) -> dict[str, tuple[int, int]]:
    """Send items through a chain; return each node's copies, and the references that it sent."""
    results, nodes, _ = await stream_through(runtime, chain("PassThrough", places), items)
    assert [result.data for result in results] == list(items)
    return {
        node: (figures.received.copies + figures.sent.copies, figures.sent.references)
        for node, figures in nodes.items()
    }


@pytest.mark.parametrize(
    "places",
    [[CHILD], [CHILD] * 4, [CHILD, NATIVE, CHILD], [NATIVE, CHILD, NATIVE, NATIVE, CHILD]],
    ids=" > ".join,
)
async def test_only_the_first_node_s_input_is_copied(runtime: Runtime, places: list[str]) -> None:
    counts = await copies_of(runtime, places, [frame(n) for n in range(12)])
    first = places.index(CHILD)
    for place, (node, (copies, references)) in zip(places, counts.items(), strict=True):
        index = int(node.removeprefix("n"))
        if index == first - 1:
            assert (copies, references) == (12, 0)  # from the server into shared memory
        elif place == CHILD or CHILD in places[index + 1 : index + 2]:
            assert (copies, references) == (0, 12)
        else:
            assert (copies, references) == (0, 0)  # from native to native


async def test_a_small_payload_is_copied_since_that_is_faster(runtime: Runtime) -> None:
    items = blobs(5, LEAST_BYTES - 1)
    assert await copies_of(runtime, [CHILD], items) == {"n0": (5, 0)}


@pytest.mark.parametrize("place", [CHILD, NATIVE])
async def test_a_view_arrives_as_it_was_emitted(runtime: Runtime, place: str) -> None:
    sent = NumpyArray(np.frombuffer(rng.bytes(900 * 400 * 4), np.float32).reshape(900, 400))
    nodes = {"first": "AllViews", "second": "PassThrough"}
    pipeline = manifest(nodes, ["first > second"], places=dict.fromkeys(nodes, place))
    async with runtime.open_session(pipeline) as session:
        await session.send(sent)
        for name, view in VIEWS.items():
            received = (await session.receive()).data
            assert isinstance(received, NumpyArray)
            assert received == NumpyArray(view(sent.array), metadata={"view": name})
            assert not received.array.flags.writeable
            with pytest.raises(ValueError, match="cannot set WRITEABLE"):
                received.array.flags.writeable = True
        await session.close_input()
        assert [result async for result in session] == []
        counts = session.statistics()["first"].sent
    if place == CHILD:
        # Where elements are used twice, or are not aligned, a copy is the safe way.
        assert (counts.copies, counts.references) == (3, len(VIEWS) - 3)


async def test_a_bundle_with_a_member_more_refers_to_the_others(runtime: Runtime) -> None:
    sent = [frame(n) for n in range(4)]
    async with runtime.open_session(chain("Annotating", [CHILD] * 3)) as session:
        for each in sent:
            await session.send(each)
            assert (await session.receive()).data == Bundle(
                {"frame": each} | {f"finding {n}": Json({"faces": n}) for n in (1, 2, 3)}
            )
        await session.close_input()
        assert [result async for result in session] == []
        nodes = session.statistics()
    for figures in nodes.values():
        assert (figures.sent.copies, figures.sent.references) == (0, 4)
        assert figures.sent.referenced_bytes == 4 * sent[0].pixels.nbytes


async def test_a_bundle_of_two_frames_refers_to_both(runtime: Runtime) -> None:
    sent = Bundle({"left": frame(1), "right": frame(2), "note": Json([1, 2])})
    assert (await copies_of(runtime, [CHILD] * 2, [sent] * 6))["n1"] == (0, 12)


async def test_readers_that_fan_out_refer_to_the_same_memory(runtime: Runtime) -> None:
    nodes = ["src", "left", "right", "left_end", "right_end"]
    pipeline = manifest(
        dict.fromkeys(nodes, "PassThrough"),
        ["src > left", "src > right", "left > left_end", "right > right_end"],
        places=dict.fromkeys(nodes, CHILD),
    )
    items = blobs(20)
    results, figures_of, _ = await stream_through(runtime, pipeline, items)
    assert sum(figures.sent.copies for figures in figures_of.values()) == 0
    for end in ("left_end", "right_end"):
        assert [result.data for result in results if result.node_id == end] == items


@pytest.mark.parametrize("last", [CHILD, NATIVE])
async def test_a_slow_reader_slows_the_others_down_and_causes_no_copy(
    runtime: Runtime, last: str
) -> None:
    """Its backlog lies in the first producer's memory, and is more than that node may borrow."""
    items = blobs(90)
    nodes = {
        "a": "PassThrough",
        "b": "PassThrough",
        "slow": ("Slow", {"seconds": 0.002}),
    }
    pipeline = manifest(nodes, ["a > b", "b > slow"], places={"a": CHILD, "b": CHILD, "slow": last})
    results, figures_of, _ = await stream_through(runtime, pipeline, items)
    assert [result.data for result in results] == items
    for node in "ab":
        figures = figures_of[node]
        assert (figures.received.copies, figures.sent.copies) == (0, 0)


@pytest.mark.parametrize("budget", [1024, 24])
@pytest.mark.parametrize("place", [CHILD, NATIVE])
async def test_a_node_that_keeps_what_others_lent_it_stops_nobody(
    runtime_with: OpenRuntime, place: str, budget: int
) -> None:
    """It is given copies before the memory runs out, and hands its own on by reference again."""
    items = blobs(120)
    nodes = {"a": "PassThrough", "b": "PassThrough", "keeper": ("Keeping", {"items": 100})}
    places = {"a": CHILD, "b": CHILD, "keeper": place, "end": CHILD}
    pipeline = manifest(
        {**nodes, "end": "PassThrough"}, ["a > b", "b > keeper", "keeper > end"], places=places
    )
    async with runtime_with(with_budget(budget)) as runtime:
        results = await run_through(runtime, pipeline, items)
    assert [result.data for result in results] == items


@pytest.mark.parametrize("budget", [1024, 24])
async def test_nodes_that_wait_for_what_the_other_branch_holds_do_not_stop_each_other(
    runtime_with: OpenRuntime, budget: int
) -> None:
    """Two branches keep the same frames, and so does the node that they join in."""
    items = [item.with_metadata(number=str(n)) for n, item in enumerate(blobs(100))]
    pipeline = manifest(
        {
            "src": "PassThrough",
            "left": ("Keeping", {"items": 45}),
            "right": ("Keeping", {"items": 70}),
            "join": ("Keeping", {"items": 60}),
            "end": "PassThrough",
        },
        ["src > left", "src > right", "left > join", "right > join", "join > end"],
        places=dict.fromkeys(["src", "left", "right", "join", "end"], CHILD),
    )
    async with runtime_with(with_budget(budget)) as runtime:
        results = await run_through(runtime, pipeline, items)
    numbers = [int(result.data.metadata["number"]) for result in results]
    assert sorted(numbers) == sorted([*range(100)] * 2)
    for number, result in zip(numbers, results, strict=True):
        assert result.data == items[number]


async def test_links_that_drop_hand_on_by_reference_too(runtime: Runtime) -> None:
    items = blobs(150)
    pipeline = manifest(
        {"a": "PassThrough", "b": ("Slow", {"seconds": 0.002}), "c": "PassThrough"},
        ["a > b", "b > c"],
        places=dict.fromkeys("abc", CHILD),
        channel_capacity=10,
        enable_backpressure=False,
    )
    results, figures_of, dropped = await stream_through(
        with_config(runtime, channel_bytes=8 * MIB), pipeline, items
    )
    assert [r.sequence for r in results] == sorted({r.sequence for r in results})
    assert all(result.data == items[result.sequence] for result in results)
    assert figures_of["b"].sent.references > 0
    assert len(results) + dropped == len(items)


def with_budget(megabytes: int) -> RuntimeConfig:
    return RuntimeConfig(
        multiprocess=Multiprocess.model_validate({"shared_memory_budget_bytes": megabytes * MIB})
    )


LIES = {
    "reference_elsewhere": "which is not of this session",
    "reference_to_another_file": "which is another file",
    "reference_to_nothing": "No such file",
    "reference_behind_the_end": "bytes of",
    "reference_across_slots": "more than a slot",
    "reference_strides": "larger than its memory",
    "reference_of_a_bundle": "where none can be",
}


@pytest.mark.parametrize(
    ("how", "reader"), [*((how, CHILD) for how in LIES), ("reference_strides", NATIVE)]
)
async def test_a_wrong_reference_is_the_fault_of_the_process_that_wrote_it(
    runtime: Runtime, how: str, reader: str
) -> None:
    pipeline = manifest(
        {"before": "PassThrough", "liar": ("Liar", {"how": how}), "reader": "PassThrough"},
        ["before > liar", "liar > reader"],
        places={"before": NATIVE, "liar": CHILD, "reader": reader},
    )
    with pytest.raises(NodeError) as caught:
        await run_through(runtime, pipeline, blobs(8))
    assert caught.value.node_id == "liar"
    assert LIES[how] in str(caught.value)


async def test_a_reader_that_returns_what_it_never_had_is_named(runtime: Runtime) -> None:
    pipeline = manifest(
        {"before": "PassThrough", "liar": ("Liar", {"how": "returned"})},
        ["before > liar"],
        places={"before": CHILD, "liar": CHILD},
    )
    with pytest.raises(NodeError, match="returns the items") as caught:
        async with runtime.open_session(pipeline) as session:
            for item in blobs(8):
                await session.send(item)
                await session.receive()
    assert caught.value.node_id == "liar"
