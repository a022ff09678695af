"""Following the chunks of a session: begun and ended while it runs, and what nodes may do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from actors import CancelSpeculation, Control, Data, Text
from runtime import NodeError, Result, Runtime, Session
from runtime.execution import NodeState
from runtime.latency import Hop, PathAssembly
from runtime.session import SessionLatency
from tests.session.pipelines import chain, manifest

PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])
SECONDS = 30


@asynccontextmanager
async def opened(runtime: Runtime, pipeline: Any) -> AsyncIterator[Session]:
    with trio.fail_after(SECONDS):
        async with runtime.open_session(pipeline) as session:
            await session.wait_ready()
            yield session


async def through(session: Session, *texts: str) -> list[Result]:
    results = []
    for text in texts:
        await session.send(Text(text))
        results.append(await session.receive())
    return results


async def found(latency: SessionLatency, count: int) -> list[Any]:
    """Return the results, when all hops of node processes have come."""
    while True:
        await latency.summary()
        if len(latency.results) >= count:
            return list(latency.results)
        await trio.lowlevel.checkpoint()


@PLACES
async def test_only_what_comes_while_a_session_is_followed_is_explained(
    runtime: Runtime, place: str
) -> None:
    async with opened(runtime, chain("PassThrough", [place, place])) as session:
        before = await through(session, "a", "b")
        async with session.explained(all_chunks=True) as latency:
            during = await through(session, "c", "d")
            explained = await found(latency, 2)
        between = await through(session, "e")
        async with session.explained(all_chunks=True) as again:
            assert again.results == ()
            last = await through(session, "f")
            later = await found(again, 1)
        after = await through(session, "g")
    assert [each.sequence for each in explained] == [2, 3]
    assert [each.sequence for each in later] == [5]
    everything = before + during + between + last + after
    assert [result.data for result in everything] == [Text(text) for text in "abcdefg"]
    for result, each in zip(during + last, explained + later, strict=True):
        assert each.total_ns == round(1e9 * result.latency_seconds)


@PLACES
async def test_watchers_share_what_is_found(runtime: Runtime, place: str) -> None:
    async with (
        opened(runtime, chain("PassThrough", [place])) as session,
        session.explained(all_chunks=True) as latency,
    ):
        await through(session, "a")
        async with session.explained() as other:
            await through(session, "b")
        await through(session, "c")
        assert other is latency
        assert [each.sequence for each in await found(latency, 3)] == [0, 1, 2]


@PLACES
async def test_a_bypassed_node_is_on_the_way_and_takes_no_time_of_its_actor(
    runtime: Runtime, place: str
) -> None:
    pipeline = manifest(
        {"a": "PassThrough", "b": ("Working", {"seconds": 0.01})},
        ["a > b"],
        places={"a": place, "b": place},
    )
    async with (
        opened(runtime, pipeline) as session,
        session.explained(all_chunks=True) as latency,
    ):
        await session.set_node_state("b", NodeState.BYPASS)
        await through(session, "x")
        (result,) = await found(latency, 1)
    assert result.path == ("", "a", "b", "")
    assert result.stays[2].process == 0
    assert sum(stay.total_ns for stay in result.stays) == result.total_ns


@PLACES
async def test_taps_and_intercepts_change_nothing_in_the_sum(runtime: Runtime, place: str) -> None:
    async def replace(data: Data) -> Data | None:
        await trio.sleep(0.01)
        return None if data == Text("dropped") else Text("other")

    async with (
        opened(runtime, chain("PassThrough", [place, place])) as session,
        session.explained(all_chunks=True) as latency,
        session.tap("n0") as outputs,
        session.intercept("n0", replace, deadline_seconds=10),
    ):
        await session.send(Text("dropped"))
        (result,) = await through(session, "x")
        assert result.data == Text("other")
        (explained,) = await found(latency, 1)
        assert (await outputs.receive()).data == Text("dropped")
    assert explained.total_ns == round(1e9 * result.latency_seconds)
    assert sum(stay.total_ns for stay in explained.stays) == explained.total_ns
    assert explained.stays[1].hold >= 10_000_000  # the decision


@PLACES
async def test_control_messages_are_not_explained_and_do_not_disturb(
    runtime: Runtime, place: str
) -> None:
    async with (
        opened(runtime, chain("PassThrough", [place, place])) as session,
        session.explained(all_chunks=True) as latency,
    ):
        await through(session, "a")
        await session.send(Control(CancelSpeculation(1, 2)))
        assert isinstance((await session.receive()).data, Control)
        await through(session, "b")
        explained = await found(latency, 2)
        summary = await latency.summary()
    assert [each.sequence for each in explained] == [0, 2]
    assert summary.incomplete == 0


async def test_a_node_that_reports_impossible_times_spoils_no_sum() -> None:
    paths = PathAssembly({"a": (), "b": ("a",)})
    most = 2**62
    paths.enter("a", 0, 100, 2**40)
    paths.add("a", [Hop(0, 100, "", 0, most, 0, most, most, 0, most, 0)])
    paths.add("b", [Hop(0, 100, "a", 0, 0, most, most, 0, 0, 0, most)])
    paths.arrive("b", 0, sequence=0, entered_ns=100, free_ns=0, end_ns=1100)
    (result,) = paths.take(0)
    assert result.total_ns == sum(stay.total_ns for stay in result.stays) == 1000


@pytest.mark.parametrize("source", ["", "b", "a", "nobody"])
async def test_a_node_that_reports_another_way_makes_its_results_incomplete(source: str) -> None:
    paths = PathAssembly({"a": (), "b": ("a",)})
    paths.enter("a", 0, 100, 101)
    paths.add("b", [Hop(0, 100, source, 0, 0, 0, 0, 0, 0, 0, 0)])
    paths.arrive("b", 0, sequence=0, entered_ns=100, free_ns=0, end_ns=1100)
    assert paths.take(0) == []
    assert paths.take(2000) == []
    assert paths.incomplete == 1


@pytest.mark.parametrize(("taken", "is_refused"), [(2**62 + 1, True), (-1, True), (5, False)])
async def test_hops_that_a_process_forges_are_refused_or_explain_nothing(
    runtime: Runtime, taken: int, is_refused: bool
) -> None:
    pipeline = manifest(
        {"bad": ("ForgingHops", {"taken_ns": taken})}, places={"bad": "multiprocess"}
    )
    if is_refused:
        with pytest.raises(NodeError, match="no message on its control socket"):
            async with opened(runtime, pipeline) as session, session.explained(all_chunks=True):
                await through(session, "x")
                await trio.sleep_forever()
        return
    async with (
        opened(runtime, pipeline) as session,
        session.explained(all_chunks=True) as latency,
    ):
        (result,) = await through(session, "x")
        (explained,) = await found(latency, 1)
    assert explained.total_ns == round(1e9 * result.latency_seconds)


async def test_of_a_fast_session_a_part_is_followed_unless_all_is_asked_for(
    runtime: Runtime,
) -> None:
    count = 3000

    async def send(session: Session) -> None:
        for _ in range(count):
            await session.send(Text("x"))

    async def run(session: Session) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, session)
            for _ in range(count):
                await session.receive()

    async with opened(runtime, chain("PassThrough", ["native"])) as session:
        await run(session)
        async with session.explained() as latency:
            await run(session)
            part = await latency.summary(is_last=True)
            async with session.explained(all_chunks=True):
                await run(session)
                everything = await latency.summary(is_last=True)
    assert part.interval > 1
    assert 0 < part.results < count / 2
    assert part.incomplete == 0
    assert everything.interval == 1
    assert everything.results >= part.results + count / 2  # of very many, some are kept
    assert everything.incomplete == 0


@PLACES
async def test_what_a_source_generates_is_explained_from_its_emission_on(
    runtime: Runtime, place: str
) -> None:
    pipeline = manifest(
        {"beats": ("AsyncCounter", {"count": 5}), "after": "PassThrough"},
        ["beats > after"],
        places={"beats": place, "after": place},
    )
    async with (
        opened(runtime, pipeline) as session,
        session.explained(all_chunks=True) as latency,
    ):
        results = [result async for result in session]
        summary = await latency.summary(is_last=True)
    assert summary.incomplete == 0
    assert len(latency.results) == len(results)
    for explained, result in zip(latency.results, results, strict=True):
        assert sum(stay.total_ns for stay in explained.stays) == explained.total_ns
        assert explained.total_ns == pytest.approx(1e9 * result.latency_seconds, abs=1e3)
        assert [stay.node_id for stay in explained.stays] == ["", "beats", "after", ""]
