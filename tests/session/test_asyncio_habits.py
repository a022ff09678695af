"""Code of asyncio that meets trio gets an error that names trio and states what to do."""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from actors import Actor, Text
from runtime import CallerError, HookError, RuntimeConfig, open_runtime, open_session
from runtime.client import connect
from runtime.service import open_server
from tests.session.asyncio_actors import AsyncioHabit, RunsAsyncio
from tests.session.pipelines import chain, run_through

PLACES = ["native", "multiprocess"]
HABITS = ["sleep", "create_task", "to_thread", "timeout", "future", "loop"]


TYPES: dict[str, type[Actor[Any]]] = {"AsyncioHabit": AsyncioHabit, "RunsAsyncio": RunsAsyncio}
PIPELINE = {
    "version": "v1",
    "metadata": {"name": "x"},
    "nodes": [{"id": "n", "node_type": "PassThrough"}],
    "connections": [],
}


async def enter_session() -> None:
    async with open_session(PIPELINE):
        pass


async def enter_runtime() -> None:
    async with open_runtime(RuntimeConfig()):
        pass


def run_plainly(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run in a loop of asyncio's own, of which trio-asyncio knows nothing."""
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        contextvars.Context().run(runner.run, coroutine)


@pytest.mark.parametrize("run", [asyncio.run, run_plainly])
@pytest.mark.parametrize("enter", [enter_session, enter_runtime])
def test_under_asyncio_there_is_one_error_that_names_what_to_call(enter: Any, run: Any) -> None:
    with pytest.raises(CallerError, match=r"on asyncio, call runtime\.aio\.open_\w+\(\)"):
        run(enter())


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("habit", HABITS)
async def test_a_hook_that_needs_asyncio_is_told_about_trio(habit: str, place: str) -> None:
    pipeline = chain(("AsyncioHabit", {"habit": habit}), [place])
    async with open_runtime(RuntimeConfig(), node_types=TYPES) as runtime:
        with pytest.raises(HookError, match=r'hooks run on trio: .*loop="asyncio"'):
            await run_through(runtime, pipeline, [Text("x")])


async def test_a_plain_hook_of_a_node_process_may_run_asyncio() -> None:
    async with open_runtime(RuntimeConfig(), node_types=TYPES) as runtime:
        (result,) = await run_through(runtime, chain("RunsAsyncio", ["multiprocess"]), [Text("x")])
    assert result.data == Text("x")


async def test_a_plain_hook_that_runs_asyncio_natively_in_a_server_is_told_about_trio() -> None:
    async with served() as address, connect(address) as remote:
        with pytest.raises(HookError, match=r'hooks run on trio.*loop="asyncio"'):
            async with remote.stream(chain("RunsAsyncio", ["native"])) as stream:
                await stream.send(Text("x"))
                await stream.receive()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("habit", ["sleep", "to_thread", "timeout", "future"])
async def test_in_a_server_it_is_the_same_error(habit: str, place: str) -> None:
    pipeline = chain(("AsyncioHabit", {"habit": habit}), [place])
    async with served() as address, connect(address) as remote:
        with pytest.raises(HookError, match=r'hooks run on trio: .*loop="asyncio"'):
            async with remote.stream(pipeline) as stream:
                await stream.send(Text("x"))
                await stream.receive()


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    async with (
        open_runtime(RuntimeConfig(), node_types=TYPES) as runtime,
        open_server(runtime, environment={"GRPC_BIND_ADDRESS": "127.0.0.1:0"}) as server,
    ):
        yield str(server.address)
