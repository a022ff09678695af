"""The page of a runtime at a real port."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from runtime import Manifest, Runtime, RuntimeConfig
from runtime.http import HttpServer, open_http_server
from runtime.talk import Talk, open_talk
from tests.conftest import OpenRuntime

TOKEN = "a-client's-token"


def config(*, limits: Mapping[str, Any] | None = None, **http: Any) -> RuntimeConfig:
    """Return settings with the page on."""
    values = {"enabled": True, "talk": True, "bind_address": "127.0.0.1:0", **http}
    return RuntimeConfig.model_validate({"http": values, "limits": dict(limits or {})})


@asynccontextmanager
async def page_of(
    runtime: Runtime, pipelines: Mapping[str, Manifest], *, tokens: str = ""
) -> AsyncIterator[tuple[HttpServer, Talk]]:
    """Open the port of a runtime, whose configuration has the page on."""
    environment = {"GRPC_AUTH_TOKENS": tokens}
    async with (
        open_talk(runtime, pipelines=pipelines, environment=environment) as talk,
        open_http_server(
            runtime.config.http,
            runtime.metrics,
            lambda: True,
            talk=None if talk is None else talk.application,
            environment={},
        ) as server,
    ):
        assert server is not None
        assert talk is not None
        yield server, talk


@asynccontextmanager
async def talk_port(
    runtime_with: OpenRuntime,
    pipelines: Mapping[str, Manifest],
    *,
    tokens: str = "",
    limits: Mapping[str, Any] | None = None,
    **http: Any,
) -> AsyncIterator[tuple[HttpServer, Talk, Runtime]]:
    """Open a runtime and its port, with the page on."""
    async with (
        runtime_with(config(limits=limits, **http)) as runtime,
        page_of(runtime, pipelines, tokens=tokens) as (server, talk),
    ):
        yield server, talk, runtime
