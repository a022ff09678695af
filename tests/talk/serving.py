"""The page of a runtime at a real port."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from runtime import Manifest, Runtime
from runtime.http import HttpServer, open_http_server
from runtime.talk import Talk, open_talk

OFF = {"GRPC_AUTH_TOKENS": ""}


@asynccontextmanager
async def talk_port(
    runtime: Runtime,
    pipelines: Mapping[str, Manifest],
    *,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[tuple[HttpServer, Talk]]:
    """Open the port of a runtime, whose configuration has the page on."""
    environment = environment or {}
    async with (
        open_talk(runtime, pipelines=pipelines, environment=environment) as talk,
        open_http_server(
            runtime.config.http,
            runtime.metrics,
            lambda: True,
            talk=None if talk is None else talk.application,
            environment=environment,
        ) as server,
    ):
        assert server is not None
        assert talk is not None
        yield server, talk


def settings(**http: Any) -> dict[str, Any]:
    """Return the values of [http] with the page on."""
    return {"enabled": True, "talk": True, "bind_address": "127.0.0.1:0", **http}
