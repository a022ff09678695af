"""Node processes are forked from templates, where the operator allows it and where it works."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import trio

from actors import Json, Text
from runtime import NodeError, Result, Runtime, RuntimeConfig, open_runtime
from runtime.config import Multiprocess
from tests.log_events import LogEvents, log_events
from tests.running import is_running
from tests.session.pipelines import manifest, run_through

SPECIMENS = "tests.execution.template_specimens"
TYPES = {name: f"{SPECIMENS}:{name}" for name in ("Preloading", "Taking")}


@asynccontextmanager
async def preloading(**settings: Any) -> AsyncIterator[tuple[Runtime, LogEvents]]:
    """Open a runtime that keeps templates."""
    config = RuntimeConfig(multiprocess=Multiprocess(**{"preload": ("Preloading",), **settings}))
    with log_events("millrace.templates") as events:
        async with open_runtime(config, node_types=TYPES) as runtime:
            yield runtime, events


def pipeline(how: str = "well", other: int = 0) -> Any:
    params = {"how": how, "other": other}
    return manifest({"n": ("Preloading", params)}, places={"n": "multiprocess"})


async def answer(runtime: Runtime, how: str = "well", other: int = 0) -> list[int]:
    """Return who loaded the weights, the node's process, and its parent."""
    (result,) = await run_through(runtime, pipeline(how, other), [Text("who?")])
    return value_of(result)


def value_of(result: Result) -> list[int]:
    assert isinstance(result.data, Json)
    return cast("list[int]", result.data.value)


async def test_the_next_nodes_of_a_type_are_forked_from_its_template_each_in_its_own_process() -> (
    None
):
    async with preloading() as (runtime, events):
        loaded_by, node, _ = await answer(runtime)
        assert loaded_by == node
        await events.wait("template_ready")
        (planned,) = runtime.plan(pipeline()).nodes
        assert planned.reason.endswith("; forked from a template (multiprocess.preload)")
        answers = [await answer(runtime), await answer(runtime, other=1)]
        (template,) = {loaded_by for loaded_by, _, _ in answers}
        assert {parent for _, _, parent in answers} == {template}
        assert len({node for _, node, _ in answers}) == 2
    assert not is_running(template)


async def test_killing_a_node_ends_its_session_alone_and_killing_the_template_ends_all() -> None:
    async with preloading() as (runtime, events):
        await answer(runtime)
        await events.wait("template_ready")
        with pytest.raises(
            NodeError, match="together with the forkserver or template that forked it"
        ):
            async with runtime.open_session(pipeline()) as other:
                await other.wait_ready()
                await kill_node_of_a_session(runtime)
                await other.send(Text("who?"))
                template, node, _ = value_of(await other.receive())
                os.kill(template, signal.SIGKILL)
                await other.receive()
        assert not is_running(node)
        await events.wait("ended, with its nodes")
        loaded_by, node, _ = await answer(runtime)
        assert loaded_by == node


async def kill_node_of_a_session(runtime: Runtime) -> None:
    with pytest.raises(NodeError, match="SIGKILL"):
        async with runtime.open_session(pipeline()) as session:
            await session.wait_ready()
            os.kill(session.processes()["n"], signal.SIGKILL)
            await session.receive()


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("thread", "has started threads"),
        ("file", "keeps files open"),
        ("error", "OSError: no weights here"),
        ("exit", "it ended while it preloaded"),
    ],
)
async def test_a_type_that_cannot_be_forked_starts_as_usual_with_a_log_line(
    how: str, reason: str
) -> None:
    async with preloading() as (runtime, events):
        await answer(runtime, how)
        line = await events.wait("no template of tests.execution.template_specimens:Preloading")
        assert reason in line
        loaded_by, node, _ = await answer(runtime, how)
        assert loaded_by == node
        assert events.lines == []  # it is not tried again


async def test_without_an_answer_of_its_template_a_node_starts_as_usual() -> None:
    async with preloading() as (runtime, events):
        await answer(runtime)
        await events.wait("template_ready")
        template, _, _ = await answer(runtime)
        os.kill(template, signal.SIGSTOP)
        try:
            loaded_by, node, _ = await answer(runtime)
        finally:
            os.kill(template, signal.SIGCONT)
        assert loaded_by == node
        await events.wait("nodes start without it")


async def test_a_template_that_is_too_large_is_not_used() -> None:
    async with preloading(preload_max_bytes=1) as (runtime, events):
        await answer(runtime)
        assert "preload_max_bytes is 1" in await events.wait("no template of")


async def test_a_template_is_kept_for_no_type_that_the_operator_does_not_name() -> None:
    async with preloading(preload=()) as (runtime, events):
        for _ in range(2):
            loaded_by, node, _ = await answer(runtime)
            assert loaded_by == node
        assert events.lines == []


async def wait_end(pid: int) -> None:
    """Wait until a process has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        with trio.fail_after(60):
            await trio.lowlevel.wait_readable(descriptor)
    finally:
        os.close(descriptor)


async def test_a_template_ends_when_it_has_been_idle_but_not_under_its_nodes() -> None:
    async with preloading(preload_idle_secs=2) as (runtime, events):
        await answer(runtime)
        await events.wait("template_ready")
        async with runtime.open_session(pipeline()) as session:
            await session.send(Text("who?"))
            template, node, parent = value_of(await session.receive())
            assert template == parent
            await trio.sleep(2.5)  # longer than that, with a node
            await session.send(Text("who?"))
            assert value_of(await session.receive()) == [template, node, parent]
        await wait_end(template)
        loaded_by, node, _ = await answer(runtime)
        assert loaded_by == node


async def test_a_template_more_takes_the_place_of_an_idle_one_and_of_none_with_nodes() -> None:
    async with preloading(preload_max_templates=1) as (runtime, events):
        await answer(runtime)
        await events.wait("template_ready")
        async with runtime.open_session(pipeline()) as session:
            await session.send(Text("who?"))
            template, _, _ = value_of(await session.receive())
            loaded_by, node, _ = await answer(runtime, "other")
            assert loaded_by == node
            await session.send(Text("who?"))
            assert value_of(await session.receive())[0] == template
        await answer(runtime, "other")
        await wait_end(template)
        await events.wait("template_ready")
        other, node, parent = await answer(runtime, "other")
        assert other == parent != node


async def test_params_that_come_once_do_not_take_the_place_of_a_template_in_use() -> None:
    async with preloading(preload_max_templates=2) as (runtime, events):
        await answer(runtime)
        await events.wait("template_ready")
        template, _, _ = await answer(runtime)
        for how in ("first", "second"):
            await answer(runtime, how)
            await events.wait("template_ready")
        assert (await answer(runtime))[0] == template


async def test_a_node_takes_what_its_template_has_loaded_for_it_alone() -> None:
    async with preloading(preload=("Taking",)) as (runtime, events):
        taking = manifest({"n": "Taking"}, places={"n": "multiprocess"})
        (loaded_by, node), *_ = [value_of(each) for each in await taken(runtime, taking)]
        assert loaded_by == node
        await events.wait("template_ready")
        (loaded_by, node), *_ = [value_of(each) for each in await taken(runtime, taking)]
        assert loaded_by != node
        native = manifest({"n": "Taking"}, places={"n": "native"})
        (loaded_by, node), *_ = [value_of(each) for each in await taken(runtime, native)]
        assert loaded_by == node == os.getpid()


async def taken(runtime: Runtime, pipeline: Any) -> list[Result]:
    return await run_through(runtime, pipeline, [Text("who?")])
