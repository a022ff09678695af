"""The HTTP port of a runtime, and a client that sends any bytes."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio
from starlette.routing import BaseRoute

from runtime import Runtime
from runtime.config import Http
from runtime.http import HttpServer, open_http_server

TOKEN = "the-token"
SECONDS = 20.0
PING = b"\x89\x00"


@dataclass(frozen=True)
class Reply:
    """A response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


@asynccontextmanager
async def http_port(
    runtime: Runtime,
    *,
    is_ready: Callable[[], bool] = lambda: True,
    routes: Iterable[BaseRoute] = (),
    tokens: str = TOKEN,
    **settings: Any,
) -> AsyncIterator[HttpServer]:
    """Open a port with these settings."""
    http = Http.model_validate({"enabled": True, "bind_address": "127.0.0.1:0", **settings})
    async with open_http_server(
        http,
        runtime.metrics,
        is_ready,
        routes=routes,
        environment={"MILLRACE_HTTP_TOKENS": tokens},
    ) as server:
        assert server is not None
        yield server


def request(
    path: str,
    *lines: str,
    method: str = "GET",
    token: str | None = TOKEN,
    host: str = "x",
    body: str = "",
) -> bytes:
    """Return the bytes of a request."""
    headers = [f"{method} {path} HTTP/1.1", f"Host: {host}", *lines]
    if token is not None:
        headers.append(f"Authorization: Bearer {token}")
    if body:
        headers.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*headers, "", body]).encode()


def upgrade(path: str, *lines: str, **options: Any) -> bytes:
    """Return the bytes of a request for a WebSocket."""
    return request(
        path,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *lines,
        **options,
    )


async def connect(server: HttpServer) -> trio.SocketStream:
    """Return a connection."""
    return await trio.open_tcp_stream("127.0.0.1", server.address.port)


async def sent(server: HttpServer, *parts: bytes) -> bytes:
    """Send bytes, and return what comes until the server closes the connection."""
    received = b""
    with trio.fail_after(SECONDS):
        async with await connect(server) as stream:
            try:
                for part in parts:
                    await stream.send_all(part)
                while data := await stream.receive_some():
                    received += data
            except trio.BrokenResourceError:
                pass  # the server has refused the rest
    return received


async def get(server: HttpServer, path: str, *lines: str, **options: Any) -> Reply:
    """Send one request, and return its response."""
    received = await sent(server, request(path, "Connection: close", *lines, **options))
    head, _, body = received.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (r.partition(":") for r in rest)}
    if headers.get("transfer-encoding") == "chunked":
        raise AssertionError("the length is known")
    return Reply(int(first.split()[1]), headers, body)


async def next_bytes(stream: trio.SocketStream) -> bytes:
    """Return the next bytes but pings; none if the server has closed or reset the connection."""
    try:
        while (data := bytes(await stream.receive_some())) == PING:
            pass
    except trio.BrokenResourceError:
        return b""
    return data


async def open_websocket(server: HttpServer, path: str, *lines: str) -> trio.SocketStream:
    """Return a WebSocket that the server has accepted."""
    stream = await connect(server)
    await stream.send_all(upgrade(path, *lines))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += bytes(await stream.receive_some(1))
    assert head.startswith(b"HTTP/1.1 101"), head
    assert b"extensions" not in head.lower()
    return stream
