"""Without the port's own token, only health answers."""

from pathlib import Path

import pytest
import trio
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from runtime import Runtime
from tests.http.serving import TOKEN, get, http_port, sent, upgrade


async def page(_request: Request) -> PlainTextResponse:
    """A route that a page adds."""
    return PlainTextResponse("secret page")


async def talk(socket: WebSocket) -> None:
    """A WebSocket that a page adds."""
    await socket.accept()
    await socket.send_text("secret talk")
    await socket.close()


ROUTES = [Route("/page", page), WebSocketRoute("/talk", talk)]
WRONG = [None, "", "wrong", TOKEN[:-1], f"{TOKEN}x", TOKEN.upper(), f"{TOKEN},{TOKEN}", "x" * 5000]


@pytest.mark.parametrize("token", WRONG)
@pytest.mark.parametrize("path", ["/metrics", "/page", "/nothing", "/livez/", "/livez/../metrics"])
async def test_no_path_but_health_answers_without_the_token(
    runtime: Runtime, path: str, token: str | None
) -> None:
    async with http_port(runtime, routes=ROUTES) as server:
        reply = await get(server, path, token=token)
    assert reply.status == 401
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert "millrace_" not in reply.text
    assert TOKEN not in reply.text


@pytest.mark.parametrize(
    "header",
    [f"Authorization: Basic {TOKEN}", f"Authorization: {TOKEN}", f"X-Token: {TOKEN}"],
)
async def test_a_token_counts_as_bearer_token_only(runtime: Runtime, header: str) -> None:
    async with http_port(runtime) as server:
        assert (await get(server, "/metrics", header, token=None)).status == 401
        assert (await get(server, f"/metrics?token={TOKEN}", token=None)).status == 401


@pytest.mark.parametrize("path", ["/talk", "/livez", "/nothing"])
async def test_no_websocket_opens_without_the_token(runtime: Runtime, path: str) -> None:
    async with http_port(runtime, routes=ROUTES) as server:
        received = await sent(server, upgrade(path, token="wrong"))
    assert received.startswith(b"HTTP/1.1 403")
    assert b"secret" not in received


async def test_a_port_without_tokens_answers_health_only(runtime: Runtime) -> None:
    async with http_port(runtime, tokens="", routes=ROUTES) as server:
        assert not server.answers_metrics
        for token in (None, "", "guess"):
            for path in ("/metrics", "/page"):
                reply = await get(server, path, token=token)
                assert reply.status == 403
                assert "http.tokens_file" in reply.text
        assert (await get(server, "/livez", token=None)).status == 200


async def test_with_the_token_further_routes_answer(runtime: Runtime) -> None:
    async with http_port(runtime, routes=ROUTES, tokens=f"other,{TOKEN}") as server:
        assert (await get(server, "/page")).text == "secret page"
        assert (await get(server, "/metrics")).status == 200
        assert (await get(server, "/nothing")).status == 404
        assert b"secret talk" in await sent(server, upgrade("/talk"))


async def test_a_token_may_come_from_a_file(runtime: Runtime, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    await trio.Path(file).write_text("# scrapers\nof-the-file\n")
    async with http_port(runtime, tokens="", tokens_file=str(file)) as server:
        assert (await get(server, "/metrics", token="of-the-file")).status == 200
        assert (await get(server, "/metrics", token="# scrapers")).status == 401
