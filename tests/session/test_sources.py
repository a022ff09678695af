"""Sources: nodes that generate items."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from actors import Actor, Control, DefinitionError, Json, Kind, NoParams
from runtime import (
    HookError,
    InputError,
    InputKindError,
    LimitError,
    ManifestError,
    NodeError,
    ProcessTimeoutError,
    Result,
    Runtime,
    SessionState,
)
from runtime.config import ResourceLimits

from .pipelines import manifest

PLACES = ["native", "multiprocess"]


async def results_of(runtime: Runtime, kind: object, place: str) -> list[Result]:
    pipeline = manifest({"source": kind}, places={"source": place})
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session:
            return [result async for result in session]


def values_of(results: list[Result]) -> list[Any]:
    return [result.data.value for result in results if isinstance(result.data, Json)]


@pytest.mark.parametrize("place", PLACES)
async def test_a_session_of_sources_ends_with_them_and_needs_no_input(
    runtime: Runtime, place: str
) -> None:
    results = await results_of(runtime, "AsyncCounter", place)
    assert values_of(results) == [0, 1, 2, 3, 4]
    assert [result.sequence for result in results] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("place", PLACES)
async def test_a_plain_generate_runs_in_a_worker_thread(runtime: Runtime, place: str) -> None:
    *items, last = values_of(await results_of(runtime, ("ThreadCounter", {"count": 3}), place))
    assert [item["number"] for item in items] == [0, 1, 2]
    assert not any(item["main"] for item in items)
    assert last == {"closed": True}


@pytest.mark.parametrize("place", PLACES)
async def test_items_of_a_source_carry_the_timestamps_that_it_gives_them(
    runtime: Runtime, place: str
) -> None:
    results = await results_of(runtime, "StampedSource", place)
    assert [result.timestamp_ms for result in results] == [0, 40, 80]


@pytest.mark.parametrize("place", PLACES)
async def test_other_items_carry_the_time_since_the_source_began(
    runtime: Runtime, place: str
) -> None:
    pipeline = manifest({"source": "Metronome"}, places={"source": place})
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session:
            first = await session.receive()
    assert 1000 <= first.timestamp_ms < 60_000


@pytest.mark.parametrize("kind", ["AsyncCounter", "ThreadCounter"])
@pytest.mark.parametrize("place", PLACES)
async def test_backpressure_stops_a_source(runtime: Runtime, place: str, kind: str) -> None:
    pipeline = manifest(
        {"source": (kind, {"count": -1})}, places={"source": place}, channel_capacity=4
    )
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session:
            first = await session.receive()
            # If the source did not wait, the queue would lose items, or hold more than it may.
            received = [await session.receive() for _ in range(50)]
            assert session.waiting() <= 4
    assert first.sequence == 0
    assert [result.sequence for result in received] == list(range(1, 51))


@pytest.mark.parametrize("place", PLACES)
async def test_stopping_the_sources_cancels_and_flushes_them(runtime: Runtime, place: str) -> None:
    pipeline = manifest({"source": "SilentSource"}, places={"source": place})
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session:
            await session.receive()
            await session.close_input(stop_sources=True)
            assert session.state is SessionState.TERMINATING
            rest = [result async for result in session]
    assert values_of(rest) == [{"cancelled": True}]


@pytest.mark.parametrize("place", PLACES)
async def test_a_plain_generator_is_closed_when_the_sources_stop(
    runtime: Runtime, place: str
) -> None:
    pipeline = manifest(
        {"source": ("ThreadCounter", {"count": -1})}, places={"source": place}, channel_capacity=2
    )
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session:
            await session.receive()
            await session.close_input(stop_sources=True)
            rest = [result async for result in session]
    assert values_of(rest)[-1] == {"closed": True}


async def test_closing_the_input_lets_the_sources_go_on(runtime: Runtime) -> None:
    pipeline = manifest(
        {"source": ("AsyncCounter", {"count": 300}), "entry": "PassThrough", "join": "PassThrough"},
        ["source > join", "entry > join"],
        channel_capacity=2,
    )
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session:
            await session.send(Json("chunk"), node="entry")
            await session.close_input()
            assert session.state is not SessionState.TERMINATING
            values = values_of([result async for result in session])
    assert "chunk" in values
    assert [value for value in values if value != "chunk"] == list(range(300))


async def test_a_chunk_without_a_node_enters_no_source_that_generates(runtime: Runtime) -> None:
    pipeline = manifest(
        {"source": "SilentSource", "entry": "PassThrough", "join": "PassThrough"},
        ["source > join", "entry > join"],
    )
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session:
            await session.send(Json("chunk"))
            values = {str((await session.receive()).data) for _ in range(2)}
    assert len(values) == 2


async def test_a_session_of_sources_refuses_chunks_and_goes_on(runtime: Runtime) -> None:
    pipeline = manifest({"source": ("AsyncCounter", {"count": -1})})
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session:
            with pytest.raises(InputError, match="sources generate items: source"):
                await session.send(Json(1))
            with pytest.raises(InputKindError):
                await session.send(Json(1), node="source")
            await session.receive()


@pytest.mark.parametrize("place", PLACES)
async def test_a_source_receives_control_messages(runtime: Runtime, place: str) -> None:
    pipeline = manifest({"source": "ControlledSource"}, places={"source": place})
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session:
            assert values_of([await session.receive()]) == ["ready"]
            await session.send(Control(None, details="louder"))
            received = [await session.receive(), await session.receive()]
    assert values_of(received) == ["louder"]


@pytest.mark.parametrize("kind", ["BrokenSource", "BrokenThreadSource"])
@pytest.mark.parametrize("place", PLACES)
async def test_an_error_of_a_source_fails_the_session(
    runtime: Runtime, place: str, kind: str
) -> None:
    with pytest.raises(HookError, match="no signal") as caught:
        await results_of(runtime, kind, place)
    assert (caught.value.node_id, caught.value.hook) == ("source", "generate")
    assert "source_actors.py" in caught.value.stack_trace


async def test_a_source_must_yield_what_it_declares(runtime: Runtime) -> None:
    with pytest.raises(NodeError, match=r"generate\(\) returned a int"):
        await results_of(runtime, "WrongKindSource", "native")


@pytest.mark.parametrize("kind", ["PatientSource", "PatientThreadSource"])
@pytest.mark.parametrize("place", PLACES)
async def test_a_source_may_wait_for_longer_than_a_call_may_last(
    runtime: Runtime, place: str, kind: str
) -> None:
    assert len(await results_of(runtime, kind, place)) == 1


async def test_a_source_that_holds_its_event_loop_counts_as_hung(runtime: Runtime) -> None:
    with pytest.raises(ProcessTimeoutError):
        await results_of(runtime, "StuckSource", "multiprocess")


@pytest.mark.parametrize("place", PLACES)
async def test_the_duration_of_a_session_of_sources_is_limited(
    runtime: Runtime, place: str
) -> None:
    pipeline = manifest({"source": "SilentSource"}, places={"source": place})
    with pytest.raises(LimitError, match="max_timeout_ms"):
        async with runtime.open_session(
            pipeline, resource_limits=ResourceLimits(max_timeout_ms=1500)
        ) as session:
            async for _ in session:
                pass


async def test_a_failing_reader_cancels_the_source(
    runtime: Runtime,
) -> None:
    pipeline = manifest(
        {"source": ("ThreadCounter", {"count": -1}), "bad": ("Raising", {"hook": "process"})},
        ["source > bad"],
        places={"source": "multiprocess"},
    )
    with pytest.raises(HookError, match="always fails"), trio.fail_after(60):
        async with runtime.open_session(pipeline) as session:
            async for _ in session:
                pass


async def test_a_tap_sees_what_a_source_emits(runtime: Runtime) -> None:
    pipeline = manifest({"source": "Metronome"})
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session, session.tap("source") as tapped:
            await session.receive()
            seen = await anext(aiter(tapped))
    assert seen.data == Json(0)


async def test_a_connection_into_a_source_is_refused(runtime: Runtime) -> None:
    pipeline = manifest({"a": "PassThrough", "source": "AsyncCounter"}, ["a > source"])
    with pytest.raises(ManifestError, match="AsyncCounter is a source.*remove the connection"):
        async with runtime.open_session(pipeline):
            pass


def test_a_source_has_no_inputs() -> None:
    with pytest.raises(DefinitionError, match=r"Both\.process: a source"):

        class Both(Actor[NoParams]):
            produces = frozenset({Kind.JSON})

            async def generate(self) -> AsyncIterator[Json]:
                yield Json(0)

            def process(self, item: Json) -> None: ...

    with pytest.raises(DefinitionError, match=r"Takes\.accepts: a source"):

        class Takes(Actor[NoParams]):
            accepts = frozenset({Kind.JSON})
            produces = frozenset({Kind.JSON})

            async def generate(self) -> AsyncIterator[Json]:
                yield Json(0)

    with pytest.raises(DefinitionError, match=r"produces is missing.*generate\(\) yields"):

        class Silent(Actor[NoParams]):
            async def generate(self) -> AsyncIterator[Json]:
                yield Json(0)


async def test_counts_of_a_session_have_no_signals(runtime: Runtime) -> None:
    pipeline = manifest({"source": "AsyncCounter"})
    async with runtime.open_session(pipeline) as session:
        async for _ in session:
            pass
    assert (session.counts()["items_in"], session.counts()["items_out"]) == (0, 5)
    assert session.counts()["bytes_in"] == 0
    assert session.waiting() == 0
    assert session.statistics()["source"].items_out == 5


@pytest.mark.parametrize("place", PLACES)
async def test_sources_that_are_stopped_before_they_begin_only_flush(
    runtime: Runtime, place: str
) -> None:
    pipeline = manifest({"source": "SilentSource"}, places={"source": place})
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session:
            await session.close_input(stop_sources=True)
            await session.close_input(stop_sources=True)
            results = [result async for result in session]
    assert values_of(results) == [{"cancelled": False}]


async def test_a_session_whose_sources_generate_is_executing_and_no_link_leads_to_them(
    runtime: Runtime,
) -> None:
    pipeline = manifest(
        {"source": ("AsyncCounter", {"count": -1}), "next": "PassThrough"}, ["source > next"]
    )
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session:
            await session.receive()
            assert session.state is SessionState.EXECUTING
            links = [(link.producer, link.reader) for link in session.figures().links]
            assert links == [("", "next"), ("source", "next"), ("next", "")]
