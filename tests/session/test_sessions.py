"""What a session does with what is sent in."""

import sys
import venv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import trio

from actors import Audio, Json, NumpyArray, Text
from runtime import (
    InputError,
    ManifestError,
    NodeError,
    Runtime,
    Session,
    SessionClosedError,
    SessionState,
    open_session,
)
from runtime.errors import MAX_PROGRESS_CHARACTERS
from runtime.links.shared import DomainSpec

from .pipelines import chain, manifest, run_through, send_all, with_config

PLACES = ["native", "multiprocess"]
MIB = 1024 * 1024
MIXED = [
    {"a": "native", "b": "native", "c": "native", "d": "native"},
    {"a": "multiprocess", "b": "native", "c": "multiprocess", "d": "native"},
    {"a": "native", "b": "multiprocess", "c": "native", "d": "multiprocess"},
    {"a": "multiprocess", "b": "multiprocess", "c": "multiprocess", "d": "multiprocess"},
]
DIAMOND = ["a > b", "a > c", "b > d", "c > d"]


@pytest.mark.parametrize("places", MIXED)
async def test_a_diamond_fans_out_and_in(runtime: Runtime, places: dict[str, str]) -> None:
    pipeline = manifest(dict.fromkeys("abcd", "PassThrough"), DIAMOND, places=places)
    results = await run_through(runtime, pipeline, [Json(n) for n in range(50)])
    assert len(results) == 100
    assert {r.node_id for r in results} == {"d"}
    numbers = [r.data.value for r in results if isinstance(r.data, Json)]
    assert sorted(map(int, map(str, numbers))) == sorted([*range(50), *range(50)])
    assert all(r.sequence == r.data.value for r in results if isinstance(r.data, Json))


@pytest.mark.parametrize("places", MIXED)
async def test_several_sources_and_sinks_each_get_everything_in_order(
    runtime: Runtime, places: dict[str, str]
) -> None:
    pipeline = manifest(
        dict.fromkeys("abcd", "PassThrough"), ["a > c", "b > c", "a > d"], places=places
    )
    results = await run_through(runtime, pipeline, [Json(n) for n in range(40)])
    by_sink = defaultdict(list)
    for result in results:
        by_sink[result.node_id].append(result.sequence)
    assert by_sink["d"] == list(range(40))
    assert sorted(by_sink["c"]) == sorted([*range(40), *range(40)])


@pytest.mark.parametrize("places", MIXED)
async def test_a_chunk_enters_at_the_node_it_names(
    runtime: Runtime, places: dict[str, str]
) -> None:
    pipeline = manifest(
        dict.fromkeys("abcd", "ContextTeller"), ["a > b", "b > c", "c > d"], places=places
    )
    async with runtime.open_session(pipeline) as session:
        for node, expected_source in (("a", "c"), ("d", ""), ("c", "c"), ("b", "c")):
            await session.send(Text("x"), node=node, sequence=7, timestamp_ms=9)
            result = await session.receive()
            assert result.node_id == "d"
            assert result.sequence == 7
            assert result.timestamp_ms == 9
            assert result.data == Json(
                {"sequence": 7, "timestamp_ms": 9, "source": expected_source}
            )


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["CountUp", "CountUpAsync", "CountUpList", "CountUpInThread"])
async def test_one_item_may_give_none_one_or_many(runtime: Runtime, kind: str, place: str) -> None:
    results = await run_through(runtime, chain(kind, [place]), [Json(n) for n in (3, 0, 1, 2)])
    assert [(r.sequence, r.data.value) for r in results if isinstance(r.data, Json)] == [
        (0, 0),
        (0, 1),
        (0, 2),
        (2, 0),
        (3, 0),
        (3, 1),
    ]


@pytest.mark.parametrize("places", MIXED)
async def test_the_end_of_the_stream_flushes_through_the_whole_graph(
    runtime: Runtime, places: dict[str, str]
) -> None:
    pipeline = manifest(
        {"a": "PassThrough", "b": "Sum", "c": "Sum", "d": "Sum"}, DIAMOND, places=places
    )
    results = await run_through(runtime, pipeline, [Json(n) for n in range(10)])
    assert [r.data.value for r in results if isinstance(r.data, Json)] == [90]
    assert results[0].sequence == 9


def state_of(session: Session) -> SessionState:
    """Return the state: a type checker would take an attribute to be what it was asserted to be."""
    return session.state


@pytest.mark.parametrize("place", PLACES)
async def test_what_is_sent_while_nodes_load_waits_and_is_processed(
    runtime: Runtime, place: str
) -> None:
    pipeline = manifest({"a": ("Loading", {"seconds": 0.05})}, places={"a": place})
    async with runtime.open_session(pipeline) as session:
        assert state_of(session) is SessionState.INITIALIZING
        await session.send(Text("early"))
        assert state_of(session) is SessionState.EXECUTING
        assert (await session.receive()).data == Text("early")


@pytest.mark.parametrize("place", PLACES)
async def test_progress_of_initialization_is_reported_in_order(
    runtime: Runtime, place: str
) -> None:
    pipeline = manifest({"a": ("Loading", {"seconds": 0.01})}, places={"a": place})
    async with runtime.open_session(pipeline) as session:
        reports = [report async for report in session.progress()]
        assert state_of(session) is SessionState.READY
    assert {report.node_id for report in reports} == {"a"}
    assert [r.status for r in reports] == ["starting", *["loading_model"] * 3, "ready"]
    assert [r.message for r in reports if r.status == "loading_model"] == [
        "step 1",
        "step 2",
        "step 3",
    ]
    fractions = [r.fraction for r in reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


async def test_states_follow_the_life_of_a_session(runtime: Runtime) -> None:
    async with runtime.open_session(chain("PassThrough", ["native"])) as session:
        assert state_of(session) is SessionState.INITIALIZING
        await session.wait_ready()
        assert state_of(session) is SessionState.READY
        await session.send(Text("x"))
        assert state_of(session) is SessionState.EXECUTING
        await session.close_input()
        assert state_of(session) is SessionState.TERMINATING
        assert [r.data async for r in session] == [Text("x")]
    assert state_of(session) is SessionState.TERMINATED


async def test_sequences_count_up_unless_given(runtime: Runtime) -> None:
    async with runtime.open_session(chain("PassThrough", ["native"])) as session:
        assert [await session.send(Text("x"), sequence=s) for s in (None, None, 10, None)] == [
            0,
            1,
            10,
            11,
        ]


async def test_input_that_cannot_enter_is_refused_and_harms_nothing(runtime: Runtime) -> None:
    async with runtime.open_session(chain("PassThrough", ["native", "multiprocess"])) as session:
        with pytest.raises(InputError, match="no node 'n2'; it has: n0, n1"):
            await session.send(Text("x"), node="n2")
        with pytest.raises(InputError, match="got dict"):
            await session.send({"value": 1})  # type: ignore[arg-type]
        with pytest.raises(InputError, match=r"2\*\*64"):
            await session.send(Text("x"), sequence=-1)
        await session.send(Text("good"))
        assert (await session.receive()).data == Text("good")
        await session.close_input()
        with pytest.raises(SessionClosedError):
            await session.send(Text("late"))
        assert [r async for r in session] == []


async def test_only_one_task_receives(runtime: Runtime) -> None:
    async with (
        runtime.open_session(chain("PassThrough", ["native"])) as session,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(session.receive)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await session.receive()
        await session.send(Text("x"))


@pytest.mark.parametrize("place", PLACES)
async def test_leaving_the_block_early_cancels_what_runs(runtime: Runtime, place: str) -> None:
    async with runtime.open_session(chain(("Slow", {"seconds": 60.0}), [place] * 2)) as session:
        await session.send(Text("x"))
    assert state_of(session) is SessionState.TERMINATED


@pytest.mark.parametrize("place", PLACES)
async def test_an_error_of_the_owner_comes_out_as_it_is(runtime: Runtime, place: str) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with runtime.open_session(chain("PassThrough", [place])) as session:
            await session.send(Text("x"))
            raise KeyError("mine")


@pytest.mark.parametrize("place", PLACES)
async def test_cancelling_the_owner_cancels_the_session(runtime: Runtime, place: str) -> None:
    with trio.move_on_after(5) as scope:
        async with runtime.open_session(chain(("Slow", {"seconds": 60.0}), [place])) as session:
            await session.send(Text("x"))
            scope.cancel()
            await session.receive()
    assert scope.cancelled_caught


async def test_sessions_of_one_runtime_do_not_meet(runtime: Runtime) -> None:
    answers: dict[int, list[object]] = {}

    async def run(number: int) -> None:
        items = [Json([number, n]) for n in range(20)]
        results = await run_through(
            runtime, chain("PassThrough", ["multiprocess", "native"]), items
        )
        answers[number] = [r.data.value for r in results if isinstance(r.data, Json)]

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(run, number)
    assert answers == {n: [[n, i] for i in range(20)] for n in range(5)}


async def test_each_multiprocess_node_has_a_process_of_its_own(runtime: Runtime) -> None:
    pipeline = manifest(dict.fromkeys("abcd", "WhereAmI"), places=MIXED[1])
    results = await run_through(runtime, pipeline, [Text("x")])
    pids = {r.node_id: r.data.value["pid"] for r in results if isinstance(r.data, Json)}  # type: ignore[index]
    assert pids["b"] == pids["d"]
    assert len(set(pids.values())) == 3


async def test_the_standalone_session_needs_no_runtime() -> None:
    async with open_session(chain("PassThrough", ["native", "multiprocess"])) as session:
        await send_all(session, [Text("x")], None)
        assert [r.data async for r in session] == [Text("x")]


async def test_a_slow_native_computation_runs_in_a_thread_if_it_asks(runtime: Runtime) -> None:
    (result,) = await run_through(runtime, chain("ThreadName", ["native"]), [Text("x")])
    assert "MainThread" not in str(result.data)


async def test_what_a_node_prints_never_reaches_stdout(
    runtime: Runtime, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await run_through(runtime, chain("Printing", ["multiprocess"]), [Text("x")])
    assert capfd.readouterr().out == ""
    records = [r for r in caplog.records if r.name == "millrace.node.n0"]
    assert {r.getMessage() for r in records} == {"a word on stdout", "a word on stderr"}
    assert {r.__dict__["node"] for r in records} == {"n0"}


@pytest.mark.parametrize("place", PLACES)
async def test_statistics_count_items_bytes_and_copies(runtime: Runtime, place: str) -> None:
    async with runtime.open_session(chain("PassThrough", [place, "native"])) as session:
        await send_all(session, [Audio(np.zeros(1000, np.float32), 16000)] * 10, None)
        assert len([r async for r in session]) == 10
        first = session.statistics()["n0"]
    assert (first.items_in, first.items_out) == (10, 10)
    assert first.processing.count == 10
    if place == "native":
        assert (first.sent.shared_bytes, first.sent.copies) == (0, 0)
    else:
        assert (first.sent.shared_bytes, first.sent.copies) == (40_000, 10)
        assert (first.received.shared_bytes, first.received.copies) == (40_000, 0)
        assert first.memory_bytes > 10**6
        assert first.cpu_seconds > 0


@pytest.mark.parametrize("place", PLACES)
async def test_a_node_may_keep_more_buffers_than_can_be_borrowed(
    runtime: Runtime, place: str
) -> None:
    items = [NumpyArray(np.full((200, 100), n, np.float32)) for n in range(500)]
    async with runtime.open_session(chain("KeepEverything", [place])) as session:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_all, session, items, None)
            (result,) = [r async for r in session]
        copies = session.statistics()["n0"].received.copies
    assert result.data == Json({"kept": 500, "unchanged": 500})
    assert copies == (0 if place == "native" else 500 - 39)


@pytest.mark.parametrize("place", PLACES)
async def test_a_loaned_array_is_filled_and_sent(runtime: Runtime, place: str) -> None:
    async with runtime.open_session(chain("Loaning", [place])) as session:
        for number in range(200):
            await session.send(Json(number))
            result = await session.receive()
            assert result.data == NumpyArray(
                np.full((1000, 3), number, np.float32), metadata={"of": str(number)}
            )
        await session.close_input()
        assert len([r async for r in session]) == 1
        sent = session.statistics()["n0"].sent
    assert sent.copies == 0
    assert sent.shared_bytes > 200 * 12000 or place == "native"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("params", [{"keep": True}, {"keep": True, "spare": 3}])
async def test_a_loaned_array_that_the_actor_keeps_stays_as_it_was_sent(
    runtime: Runtime, place: str, params: dict[str, object]
) -> None:
    results = await run_through(
        runtime, chain(("Loaning", params), [place]), [Json(n) for n in range(150)]
    )
    last = results.pop()
    assert last.data == Json({"kept": 150, "unchanged": 150})
    for number, result in enumerate(results):
        assert isinstance(result.data, NumpyArray)
        assert (result.data.array == number).all()


@pytest.mark.parametrize("place", PLACES)
async def test_an_actor_cannot_write_into_what_came_in(runtime: Runtime, place: str) -> None:
    with pytest.raises(NodeError, match="read-only"):
        await run_through(
            runtime, chain("Mutating", [place]), [Audio(np.zeros(10, np.float32), 16000)]
        )


async def test_a_node_runs_in_another_interpreter_if_the_operator_allows_it(
    runtime: Runtime, tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv", symlinks=True)
    (site,) = (tmp_path / "venv").glob("lib/*/site-packages")
    paths = [str(Path.cwd()), *(path for path in sys.path if path.endswith("site-packages"))]
    (site / "same.pth").write_text("\n".join(paths))
    executable = str(tmp_path / "venv" / "bin" / "python")
    permissive = with_config(runtime, allowed_python_executables=(executable,))
    pipeline = chain("WhereAmI", ["multiprocess"], python_executable=executable)
    (result,) = await run_through(permissive, pipeline, [Text("x")])
    assert isinstance(result.data, Json)
    assert result.data.value["interpreter"] == executable  # type: ignore[index]
    with pytest.raises(ManifestError, match="allowed_python_executables"):
        runtime.plan(pipeline)


async def test_an_uneventful_domain_has_nothing_to_remove() -> None:
    assert DomainSpec("mrnothing_", "/nonexistent/folder").leftovers() == []


@pytest.mark.parametrize("place", PLACES)
async def test_a_progress_message_is_cut_with_a_note(runtime: Runtime, place: str) -> None:
    pipeline = chain("Chatty", [place])
    async with runtime.open_session(pipeline) as session:
        reports = [report async for report in session.progress()]
    (long,) = [report for report in reports if report.status.startswith("loading")]
    assert long.message.startswith("downloading xxx")
    assert long.message.endswith("xxx done")
    assert "characters cut]" in long.message
    assert max(len(long.status), len(long.message)) <= MAX_PROGRESS_CHARACTERS


async def test_what_waits_on_native_links_stays_within_the_session_s_budget(
    runtime: Runtime,
) -> None:
    bounded = with_config(runtime, shared_memory_budget_bytes=MIB)
    sent = 0
    pipeline = chain(("Slow", {"seconds": 3600}), ["native"] * 2)
    async with bounded.open_session(pipeline) as session:
        with trio.move_on_after(1):
            while True:
                await session.send(Text("x" * 100_000))
                sent += 1
    # Of four links each may hold a quarter; the first also gave an item to its node.
    assert sent == MIB // 4 // 100_000 + 1
