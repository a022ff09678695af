"""Nodes that emit at any time: background tasks, threads, and hooks at intervals."""

from typing import Any

import pytest
import trio

from actors import Actor, DefinitionError, Json, Kind, NoParams, on_interval
from runtime import HookError, NodeError, NodeState, ProcessTimeoutError, Result, Runtime

from .pipelines import manifest, run_through

PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])


def one(kind: Any, place: str) -> Any:
    return manifest({"node": kind}, places={"node": place})


def values_of(results: list[Result]) -> list[Any]:
    return [result.data.value for result in results if isinstance(result.data, Json)]


@PLACES
async def test_tasks_that_keep_the_stream_open_answer_each_item(
    runtime: Runtime, place: str
) -> None:
    results = await run_through(runtime, one("Answering", place), [Json(n) for n in range(3)])
    assert sorted(values_of(results)) == [0, 1, 2]
    # Each answer belongs to its own item, and not to the last.
    assert [result.sequence for result in results] == values_of(results)


@PLACES
async def test_other_tasks_are_cancelled_after_flush_and_before_cleanup(
    runtime: Runtime, place: str
) -> None:
    results = await run_through(runtime, one("EagerBackground", place), [Json(1)])
    assert sorted(map(str, values_of(results))) == ["1", "tick", "{'end': ''}"]


@PLACES
async def test_a_task_that_fails_ends_the_session_with_its_name(
    runtime: Runtime, place: str
) -> None:
    with pytest.raises(
        HookError, match=r"poll_device\(\) raised ValueError: device lost"
    ) as caught:
        await run_through(runtime, one("FailingBackground", place), [Json(1)])
    assert caught.value.node_id == "node"
    assert "in poll_device" in caught.value.stack_trace


@PLACES
async def test_a_task_must_emit_what_the_actor_declares(runtime: Runtime, place: str) -> None:
    with pytest.raises(NodeError, match="declares that it produces text") as caught:
        await run_through(runtime, one("WrongBackground", place), [Json(1)])
    assert not isinstance(caught.value, HookError)


@PLACES
async def test_a_thread_emits_while_its_node_waits(runtime: Runtime, place: str) -> None:
    with trio.fail_after(60):
        async with runtime.open_session(one("ThreadEmitter", place)) as session:
            await session.send(Json(1))
            assert values_of([await session.receive()]) == ["from a thread"]


@PLACES
async def test_a_hook_may_emit_too(runtime: Runtime, place: str) -> None:
    results = await run_through(runtime, one("Spy", place), [Json(1)])
    assert values_of(results) == ["first", "second"]


@PLACES
async def test_emitting_after_the_end_of_the_stream_is_an_error(
    runtime: Runtime, place: str
) -> None:
    with pytest.raises(HookError, match="after the stream of node 'node' had ended") as caught:
        await run_through(runtime, one("LateEmitter", place), [Json(1)])
    assert caught.value.hook == "cleanup"


@PLACES
async def test_a_hook_is_called_at_its_interval_between_items(runtime: Runtime, place: str) -> None:
    with trio.fail_after(60):
        async with runtime.open_session(one("Ticking", place)) as session:
            await session.send(Json(1))
            await session.send(Json(2))
            found = values_of([await session.receive()])
            while found[-1]["items"] < 2:
                found += values_of([await session.receive()])
            assert [each["calls"] for each in found] == list(range(1, len(found) + 1))
            await session.close_input()
            async for _ in session:
                pass


@PLACES
async def test_an_error_at_an_interval_names_the_method(runtime: Runtime, place: str) -> None:
    with pytest.raises(HookError, match=r"report\(\) raised ValueError: no report"):
        async with runtime.open_session(one("FailingInterval", place)) as session:
            async for _ in session:
                pass


@PLACES
async def test_a_task_that_holds_its_event_loop_counts_as_hung(
    runtime: Runtime, place: str
) -> None:
    with pytest.raises(ProcessTimeoutError, match="process_timeout_secs") as caught:
        async with runtime.open_session(one("Spinning", place)) as session:
            await session.send(Json(1))
            async for _ in session:
                pass
    assert "in spin" in caught.value.stack_trace


async def test_an_interval_of_zero_is_refused(runtime: Runtime) -> None:
    with pytest.raises(NodeError, match=r"interval of report\(\) is 0 s"):
        async with runtime.open_session(one(("Ticking", {"every_secs": 0}), "native")) as session:
            async for _ in session:
                pass


async def test_a_disabled_node_emits_nothing(runtime: Runtime) -> None:
    pipeline = manifest({"node": "Ticking", "source": ("AsyncCounter", {"count": -1})})
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session:
            for node in ("node", "source"):
                await session.set_node_state(node, NodeState.DISABLED)
            # What was emitted before arrives; then nothing does.
            with trio.move_on_after(0.3) as quiet:
                while True:
                    await session.receive()
            assert quiet.cancelled_caught
            assert session.waiting() == 0
            for node in ("node", "source"):
                await session.set_node_state(node, NodeState.ENABLED)
            assert (await session.receive()).node_id


def test_intervals_are_checked_when_the_class_is_defined() -> None:
    with pytest.raises(DefinitionError, match=r"Wrong\.report: @on_interval\(0\)"):

        class Wrong(Actor[NoParams]):
            produces = frozenset({Kind.JSON})

            @on_interval(0)
            def report(self) -> None: ...

    with pytest.raises(DefinitionError, match="there is no such param"):

        class Missing(Actor[NoParams]):
            produces = frozenset({Kind.JSON})

            @on_interval("every_secs")
            def report(self) -> None: ...

    with pytest.raises(DefinitionError, match=r"expected def report\(self\)"):

        class Arguments(Actor[NoParams]):
            produces = frozenset({Kind.JSON})

            @on_interval(1)
            def report(self, item: Json) -> None: ...
