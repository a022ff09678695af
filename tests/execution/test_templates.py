"""Node processes are forked from templates, where the operator allows it and where it works."""

import logging
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
from tests.running import is_running
from tests.session.pipelines import manifest, run_through

TYPES = {"Preloading": "tests.execution.template_specimens:Preloading"}


class LogEvents(logging.Handler):
    """Lets a test wait for log lines of templates."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._changed = trio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self._changed.set()
        self._changed = trio.Event()

    async def wait(self, text: str) -> str:
        with trio.fail_after(60):
            while True:
                for line in self.lines:
                    if text in line:
                        self.lines.remove(line)
                        return line
                await self._changed.wait()


@asynccontextmanager
async def preloading(**settings: Any) -> AsyncIterator[tuple[Runtime, LogEvents]]:
    """Open a runtime that keeps templates."""
    events = LogEvents()
    logger = logging.getLogger("millrace.templates")
    level = logger.level
    logger.addHandler(events)
    logger.setLevel(logging.INFO)
    multiprocess = Multiprocess(**{"preload": ("Preloading",), **settings})
    try:
        async with open_runtime(RuntimeConfig(multiprocess=multiprocess), node_types=TYPES) as run:
            yield run, events
    finally:
        logger.removeHandler(events)
        logger.setLevel(level)


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
        with pytest.raises(NodeError, match="together with the forkserver"):
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
