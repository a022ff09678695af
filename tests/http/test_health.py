"""/livez and /readyz: for everybody, without a token."""

import pytest

from runtime import Runtime
from tests.http.serving import get, http_port


@pytest.mark.parametrize("tokens", ["", "secret"])
async def test_health_needs_no_token(runtime: Runtime, tokens: str) -> None:
    async with http_port(runtime, tokens=tokens) as server:
        for path, text in (("/livez", "ok\n"), ("/readyz", "ready\n")):
            reply = await get(server, path, token=None)
            assert (reply.status, reply.text) == (200, text)
            assert reply.headers["cache-control"] == "no-store"


async def test_a_server_that_drains_is_not_ready_and_still_alive(runtime: Runtime) -> None:
    draining = False
    async with http_port(runtime, is_ready=lambda: not draining) as server:
        assert (await get(server, "/readyz", token=None)).status == 200
        draining = True
        assert (await get(server, "/readyz", token=None)).status == 503
        assert (await get(server, "/livez", token=None)).status == 200


async def test_a_probe_with_head_has_no_body(runtime: Runtime) -> None:
    async with http_port(runtime) as server:
        reply = await get(server, "/livez", method="HEAD", token=None)
    assert (reply.status, reply.body) == (200, b"")


async def test_a_port_that_is_off_is_not_opened(runtime: Runtime) -> None:
    from runtime.config import Http
    from runtime.http import open_http_server

    async with open_http_server(Http(), runtime.metrics, lambda: True, environment={}) as server:
        assert server is None
