"""The registry has the figures of running and of ended sessions, from one place."""

import pytest
import trio

from actors import Text
from runtime import NodeError, Runtime, RuntimeConfig
from runtime.metrics import MOST_NODES, MOST_PIPELINES, OTHER, NodeLabels, Snapshot
from runtime.metrics.labels import LabelBounds
from tests.conftest import OpenRuntime
from tests.session.pipelines import chain, manifest

PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])


async def collected(runtime: Runtime, items: int) -> Snapshot:
    """Return a snapshot as soon as node n0 has so many items out."""
    with trio.fail_after(20):
        while True:
            snapshot = await runtime.metrics.collect()
            if sum(each.items_out for each in snapshot.nodes.values()) == items:
                return snapshot
            await trio.sleep(0.05)


@PLACES
async def test_a_running_node_has_figures_by_its_labels(runtime: Runtime, place: str) -> None:
    async with runtime.open_session(chain("PassThrough", [place])) as session:
        for _ in range(5):
            await session.send(Text("x"))
            await session.receive()
        snapshot = await collected(runtime, 5)
        ((labels, statistics),) = snapshot.nodes.items()
        assert (labels.node, labels.node_type) == ("n0", "PassThrough")
        assert labels.executor == place
        assert labels.pipeline == session.plan.manifest.metadata.name
        assert statistics.items_in == 5
        assert statistics.processing.count == 5
        assert snapshot.running[labels] == 1
        assert sum(snapshot.sessions.values()) == 1
        assert snapshot.sessions["executing"] == 1
        assert (labels in snapshot.processes) == (place == "multiprocess")
        if place == "multiprocess":
            usage = snapshot.processes[labels]
            assert usage.resident >= usage.proportional > 0
            assert snapshot.capacity.processes == 1
            assert snapshot.process_starts.count == 1
            assert snapshot.usage.shared_memory_bytes > 0


@PLACES
async def test_what_ended_sessions_have_counted_stays_and_is_counted_once(
    runtime: Runtime, place: str
) -> None:
    for _ in range(2):
        async with runtime.open_session(chain("PassThrough", [place])) as session:
            for _ in range(3):
                await session.send(Text("x"))
            await session.close_input()
            assert len([each async for each in session]) == 3
    snapshot = await runtime.metrics.collect()
    ((labels, statistics),) = snapshot.nodes.items()
    assert statistics.items_in == statistics.items_out == 6
    assert snapshot.running.get(labels, 0) == 0
    assert snapshot.sessions == {}
    assert snapshot.ended == {"completed": 2}
    assert snapshot.links == {}
    assert snapshot.usage.shared_memory_bytes == 0


async def test_sessions_are_counted_by_how_they_ended(runtime: Runtime) -> None:
    async with runtime.open_session(chain("PassThrough", ["native"])):
        pass
    with pytest.raises(NodeError):
        async with runtime.open_session(
            manifest({"n0": ("Raising", {"hook": "process"})}, places={"n0": "native"})
        ) as session:
            await session.send(Text("x"))
            await session.receive()
    snapshot = await runtime.metrics.collect()
    assert snapshot.ended == {"cancelled": 1, "failed": 1}


async def test_refused_sessions_are_counted_by_reason(runtime_with: OpenRuntime) -> None:
    config = RuntimeConfig.model_validate({"limits": {"max_sessions": 1}})
    async with (
        runtime_with(config) as runtime,
        runtime.open_session(chain("PassThrough", ["native"])),
    ):
        with pytest.raises(Exception, match="max_sessions"):
            async with runtime.open_session(chain("PassThrough", ["native"])):
                pass
        with pytest.raises(Exception, match="Nowhere"):
            runtime.plan(chain("Nowhere", ["native"]))
        snapshot = await runtime.metrics.collect()
    assert snapshot.refused == {"ServerFullError": 1, "ManifestError": 1}
    assert snapshot.capacity.most_sessions == 1


@PLACES
async def test_a_full_link_has_its_items_and_no_credits(runtime: Runtime, place: str) -> None:
    pipeline = manifest(
        {"a": "PassThrough", "b": ("Slow", {"seconds": 0.05})},
        ["a > b"],
        places={"a": place, "b": place},
        channel_capacity=4,
    )
    async with runtime.open_session(pipeline) as session, trio.open_nursery() as nursery:

        async def send() -> None:
            while True:
                await session.send(Text("x"))

        async def receive() -> None:
            async for _ in session:
                pass

        nursery.start_soon(send)
        nursery.start_soon(receive)
        with trio.fail_after(20):
            while True:
                (figures,) = runtime.metrics.sessions()
                links = {(link.producer, link.reader): link for link in figures.links}
                assert set(links) == {("", "a"), ("", "b"), ("a", "b"), ("b", "")}
                if links["a", "b"].credits == 0:
                    break
                await trio.sleep(0.05)
        assert links["a", "b"].waiting >= 4
        assert links["", "b"].waiting == 0
        assert links["", "b"].credits == 4
        nursery.cancel_scope.cancel()


async def test_a_session_that_ends_during_a_snapshot_is_counted_once(runtime: Runtime) -> None:
    snapshots: list[Snapshot] = []

    async def take() -> None:
        snapshots.append(await runtime.metrics.collect())

    async with (
        trio.open_nursery() as nursery,
        runtime.open_session(chain("PassThrough", ["native"])) as session,
    ):
        await session.send(Text("x"))
        await session.receive()
        nursery.start_soon(take)
        await trio.lowlevel.checkpoint()
    ((_, statistics),) = snapshots[0].nodes.items()
    assert statistics.items_in == 1


def test_labels_stay_within_their_bounds() -> None:
    bounds = LabelBounds()
    first = bounds.node("n", "T", "native", "p0")
    labels = {bounds.node(f"n{number}", "T", "native", f"p{number}") for number in range(10_000)}
    assert len({each.pipeline for each in labels}) == MOST_PIPELINES + 1
    assert len(labels) <= MOST_NODES + 1
    assert NodeLabels(OTHER, "T", "native", OTHER) in labels
    links = {bounds.link("a", "b", f"p{number}") for number in range(10_000)}
    assert len(links) <= MOST_PIPELINES + 1
    # What was told apart once stays told apart.
    assert bounds.node("n", "T", "native", "p0") == first


def test_many_nodes_of_one_pipeline_stay_within_their_bound() -> None:
    bounds = LabelBounds(most_nodes=10)
    labels = {bounds.node(f"n{number}", "T", "native", "p") for number in range(100)}
    assert len(labels) == 11


def test_a_long_or_unprintable_name_makes_a_short_printable_label() -> None:
    labels = LabelBounds().node("n\x1b[2J" + "x" * 10_000, "T", "native", "p\n" + "y" * 10_000)
    assert len(labels.node) <= 100
    assert labels.node.isprintable()
    assert labels.pipeline.isprintable()
