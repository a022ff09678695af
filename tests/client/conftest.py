"""A server in this process, and clients of both libraries."""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import trio

from runtime import Runtime, RuntimeConfig
from runtime.client import RemoteRuntime, connect
from runtime.config import Server
from runtime.service import GrpcServer, open_server
from tests.conftest import OpenRuntime

ANY_PORT = {"GRPC_BIND_ADDRESS": "127.0.0.1:0"}

Body = Callable[[RemoteRuntime], Awaitable[Any]]
Client = Callable[..., Awaitable[Any]]
Serve = Callable[..., AbstractAsyncContextManager[GrpcServer]]
ServeSeveral = Callable[..., AbstractAsyncContextManager[list[GrpcServer]]]


@dataclass
class Addresses:
    """What the client fixture connects to."""

    address: str


def together_at(servers: list[GrpcServer]) -> Addresses:
    return Addresses(",".join(str(each.address) for each in servers))


@pytest.fixture
async def server(runtime: Runtime) -> AsyncIterator[GrpcServer]:
    """A server with default settings."""
    async with open_server(runtime, environment=ANY_PORT) as opened:
        yield opened


@pytest.fixture
def serve(runtime_with: OpenRuntime) -> Serve:
    """How to open a server with other settings and variables."""

    @asynccontextmanager
    async def open_it(environment: Mapping[str, str], **settings: Any) -> AsyncIterator[GrpcServer]:
        config = RuntimeConfig(server=Server(**settings))
        async with (
            runtime_with(config) as runtime,
            open_server(runtime, environment={**ANY_PORT, **environment}) as opened,
        ):
            yield opened

    return open_it


@pytest.fixture
def serve_several(runtime_with: OpenRuntime) -> ServeSeveral:
    """How to open servers, each with its own runtime and limits."""

    @asynccontextmanager
    async def open_them(*configs: dict[str, Any]) -> AsyncIterator[list[GrpcServer]]:
        async with AsyncExitStack() as stack:
            servers = []
            for config in configs:
                runtime = await stack.enter_async_context(
                    runtime_with(RuntimeConfig.model_validate(config))
                )
                servers.append(
                    await stack.enter_async_context(open_server(runtime, environment=ANY_PORT))
                )
            yield servers

    return open_them


def run_in_asyncio(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a loop of asyncio's own, of which trio-asyncio knows nothing."""

    def run() -> Any:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            return runner.run(coroutine)

    return contextvars.Context().run(run)


@pytest.fixture(params=["asyncio", "trio"])
def client(request: pytest.FixtureRequest) -> Client:
    """How to connect to a server, and do something there, under one of both libraries."""

    async def run(server: GrpcServer, body: Body, **options: Any) -> Any:
        async def main() -> Any:
            async with connect(str(server.address), **options) as runtime:
                return await body(runtime)

        with trio.fail_after(60):
            if request.param == "trio":
                return await main()
            return await trio.to_thread.run_sync(run_in_asyncio, main())

    return run
