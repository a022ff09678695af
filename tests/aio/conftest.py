"""Runtimes on asyncio, on the warm forkserver of all tests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import uvloop

from runtime import RuntimeConfig
from runtime.aio import Runtime, open_runtime
from runtime.config import ExecutorSettings, Origin, Source, with_value
from runtime.execution.process import Forkserver
from runtime.executors import ExecutorFactory, MultiprocessExecutor
from runtime.plan import Place
from tests.conftest import SPECIMENS

Main = Callable[[], Coroutine[Any, Any, Any]]
OpenAio = Callable[[], AbstractAsyncContextManager[Runtime]]


@pytest.fixture(scope="session", autouse=True)
def libuv() -> None:
    """Let libuv open the pipe that it keeps for as long as the process lives."""
    uvloop.new_event_loop().close()


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Main], Any]:
    """Run an async function, as an application on asyncio or uvloop runs its own."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.SelectorEventLoop

    def run_main(main: Main) -> Any:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(main())

    return run_main


@pytest.fixture
def open_aio(forkserver: tuple[Forkserver, int]) -> OpenAio:
    """Open a runtime with the specimens."""

    @asynccontextmanager
    async def open_executor(
        _config: RuntimeConfig, _settings: ExecutorSettings
    ) -> AsyncIterator[MultiprocessExecutor]:
        yield MultiprocessExecutor(forkserver[0])

    def open_it() -> AbstractAsyncContextManager[Runtime]:
        tests = Origin(Source.CODE, "tests")
        config = with_value(RuntimeConfig(), "routing.native_override_types", ["*"], tests)
        factory = ExecutorFactory(uses_processes=True, place=Place.MACHINE, open=open_executor)
        return open_runtime(config, node_types=SPECIMENS, executors={"multiprocess": factory})

    return open_it
