"""Nothing that a client sends ends the port, another connection, or holds it for long."""

import logging
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import trio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from runtime import Runtime
from tests.http.serving import (
    PING,
    connect,
    get,
    http_port,
    next_bytes,
    open_websocket,
    request,
    sent,
    upgrade,
)


async def echo(socket: WebSocket) -> None:
    """Answer every text."""
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


async def failing(_request: Request) -> Response:
    """Raise."""
    raise RuntimeError("a defect of a page")


async def large(_request: Request) -> Response:
    """Return more than the buffers of a socket take."""
    return Response(bytes(50_000_000))


ROUTES = [WebSocketRoute("/echo", echo), Route("/failing", failing), Route("/large", large)]
GOOD = request("/livez")
HI = b"\x81\x82\x00\x00\x00\x00hi"
HI_BACK = b"\x81\x02hi"
TOO_LONG = b"\x88\x02" + (1009).to_bytes(2, "big")
MALFORMED = {
    # Each of the first two ends a whole process of hypercorn 0.18 with its own server.
    "extension": upgrade(
        "/echo", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=x"
    ),
    "extension out of range": upgrade(
        "/echo", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99"
    ),
    "extension not ascii": upgrade("/echo").replace(
        b"Upgrade\r\n", b"Upgrade\r\nSec-WebSocket-Extensions: \xff\r\n", 1
    ),
    "protocol not ascii": upgrade("/echo").replace(
        b"Upgrade\r\n", b"Upgrade\r\nSec-WebSocket-Protocol: \xff\xfe\r\n", 1
    ),
    "key not ascii": upgrade("/echo").replace(b"dGhl", b"\xff\xfe"),
    "no key": upgrade("/echo").replace(b"Sec-WebSocket-Key", b"X-Key"),
    "no version": upgrade("/echo").replace(b"Sec-WebSocket-Version", b"X-Version"),
    "version 99": upgrade("/echo").replace(b"Version: 13", b"Version: 99"),
    "HTTP/1.0": upgrade("/echo").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "no host": upgrade("/echo").replace(b"Host: x\r\n", b""),
    "POST": upgrade("/echo", "Content-Length: 3", method="POST") + b"abc",
    "no such path": upgrade("/nothing"),
    "path not UTF-8": upgrade("/echo%ff%fe"),
    "frames that are none": upgrade("/echo") + b"\xff" * 200,
    "frame without a mask": upgrade("/echo") + HI_BACK,
    "text that is not UTF-8": upgrade("/echo") + b"\x81\x82\x00\x00\x00\x00\xff\xfe",
    "frame of 2**63 bytes": upgrade("/echo") + b"\x82\xff\x7f" + b"\xff" * 11,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 200,
    "h2c": request(
        "/livez", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: !"
    ),
    "TLS": b"\x16\x03\x01" + b"\x00" * 200,
    "header not ascii": request("/livez").replace(b"Host: x", b"Host: \xff"),
    "target not ascii": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "target without a slash": b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    "target of a proxy": b"GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT": b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "negative length": request("/metrics", "Content-Length: -1"),
    "two lengths": request("/metrics", "Content-Length: 1", "Content-Length: 2"),
    "chunk size": request("/metrics", "Transfer-Encoding: chunked") + b"zz\r\n",
    "null": b"GET /livez\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "nothing": b"",
    "blank lines": b"\r\n" * 100,
}


@pytest.mark.parametrize("what", MALFORMED)
async def test_malformed_bytes_end_their_own_connection_only(runtime: Runtime, what: str) -> None:
    async with (
        http_port(runtime, routes=ROUTES, request_timeout_secs=0.5, keepalive_secs=0.5) as server,
        await open_websocket(server, "/echo") as other,
    ):
        with trio.fail_after(20):
            async with await connect(server) as stream:
                await stream.send_all(MALFORMED[what])
                await stream.send_eof()
                while await next_bytes(stream):
                    pass
        assert (await get(server, "/livez", token=None)).status == 200
        await other.send_all(HI)
        assert await next_bytes(other) == HI_BACK


async def test_compression_of_a_websocket_is_not_agreed_to(runtime: Runtime) -> None:
    async with http_port(runtime, routes=ROUTES) as server:
        offer = "Sec-WebSocket-Extensions: permessage-deflate"
        async with await open_websocket(server, "/echo", offer) as stream:
            await stream.send_all(HI)
            assert await next_bytes(stream) == HI_BACK


async def test_headers_that_are_too_long_are_refused(runtime: Runtime) -> None:
    async with http_port(runtime, max_header_bytes=4096) as server:
        reply = await sent(server, request("/livez", "X: " + "a" * 1_000_000))
        assert reply == b"" or reply.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
        reply = await sent(server, request("/livez", *(f"X{n}: {n}" for n in range(100_000))))
        assert reply == b"" or reply.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
        assert (await get(server, "/livez")).status == 200


async def test_a_request_that_arrives_too_slowly_is_cut_off(runtime: Runtime) -> None:
    async with (
        http_port(runtime, request_timeout_secs=0.6) as server,
        await connect(server) as stream,
    ):
        began = time.perf_counter()
        with trio.fail_after(20):
            try:
                for byte in GOOD * 100:
                    await stream.send_all(bytes([byte]) if byte != 13 else b"x")
                    await trio.sleep(0.05)
            except trio.BrokenResourceError:
                pass
        assert time.perf_counter() - began >= 0.5
        assert (await get(server, "/livez")).status == 200


@pytest.mark.parametrize("first", [b"", GOOD])
async def test_a_connection_without_requests_is_closed(runtime: Runtime, first: bytes) -> None:
    async with http_port(runtime, request_timeout_secs=0.3, keepalive_secs=0.3) as server:
        await sent(server, first)


async def test_a_connection_serves_several_requests(runtime: Runtime) -> None:
    async with http_port(runtime) as server, await connect(server) as stream:
        for _ in range(3):
            await stream.send_all(GOOD)
            answer = b""
            while not answer.endswith(b"ok\n"):
                answer += await next_bytes(stream)
            assert answer.startswith(b"HTTP/1.1 200")


async def test_a_client_that_does_not_read_is_cut_off(runtime: Runtime) -> None:
    async with (
        http_port(runtime, routes=ROUTES, request_timeout_secs=0.5) as server,
        await connect(server) as stream,
    ):
        await stream.send_all(request("/large"))
        await trio.sleep(1)
        total = 0
        with trio.fail_after(20):
            while data := await next_bytes(stream):
                total += len(data)
        assert total < 50_000_000


async def test_a_client_that_does_not_read_does_not_delay_the_end(runtime: Runtime) -> None:
    async with http_port(runtime, routes=ROUTES) as server:
        stream = await connect(server)
        await stream.send_all(request("/large"))
        await next_bytes(stream)
        began = time.perf_counter()
    assert time.perf_counter() - began < 8
    await stream.aclose()


async def test_the_oldest_connection_gives_way_at_the_limit(runtime: Runtime) -> None:
    async with http_port(runtime, routes=ROUTES, max_connections=3) as server:
        socket = await open_websocket(server, "/echo")
        idle = [await connect(server) for _ in range(20)]
        assert (await get(server, "/livez")).status == 200
        with trio.fail_after(20):
            assert await next_bytes(idle[0]) == b""
        await socket.send_all(HI)
        assert await next_bytes(socket) == HI_BACK
        for stream in (socket, *idle):
            await stream.aclose()


@pytest.mark.parametrize("has_answer", [True, False], ids=["after the answer", "at once"])
async def test_a_connection_that_is_reset_as_balancers_do_leaves_no_line(
    runtime: Runtime, caplog: pytest.LogCaptureFixture, has_answer: bool
) -> None:
    caplog.set_level(logging.INFO, "millrace.http")
    async with http_port(runtime) as server:
        stream = await connect(server)
        if has_answer:
            await stream.send_all(request("/readyz"))
            assert b" 200 " in await next_bytes(stream)
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()  # with that option, this is a reset
        assert (await get(server, "/livez")).status == 200
    assert "failed" not in caplog.text


async def test_a_defect_of_a_route_ends_its_request_only(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    async with http_port(runtime, routes=ROUTES) as server:
        with caplog.at_level(logging.ERROR):
            reply = await get(server, "/failing")
        assert reply.status == 500
        assert "defect" not in reply.text
        assert "a defect of a page" in caplog.text
        assert (await get(server, "/livez")).status == 200


async def test_a_message_that_is_too_long_closes_its_websocket(runtime: Runtime) -> None:
    part = b"\x02\xfe\xff\xff\x00\x00\x00\x00" + bytes(65535)
    async with (
        http_port(runtime, routes=ROUTES, request_timeout_secs=1) as server,
        await open_websocket(server, "/echo") as stream,
    ):
        answer = b""
        with trio.fail_after(20), suppress(trio.BrokenResourceError):
            await stream.send_all(part + b"".join(b"\x00" + part[1:] for _ in range(40)))
        with trio.fail_after(20):
            while data := await next_bytes(stream):
                answer += data
        assert answer.removeprefix(PING) in (TOO_LONG, b"")  # or reset with bytes on their way
        assert (await get(server, "/livez")).status == 200


async def test_no_secret_is_logged(runtime: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with http_port(runtime, tokens="the-secret", routes=ROUTES) as server:
            for data in (
                upgrade("/echo", token="the-secret"),
                request("/failing", token="the-secret"),
            ):
                await sent(server, data, b"\xff" * 100)
    assert "the-secret" not in caplog.text


def test_the_private_names_of_hypercorn_are_there() -> None:
    from hypercorn.protocol.h11 import H11Protocol

    from runtime.http.protocol import HttpProtocol

    for name in ("_check_protocol", "_create_stream", "_send_error_response", "initiate", "handle"):
        assert callable(getattr(H11Protocol, name))
    assert HttpProtocol._check_protocol is not H11Protocol._check_protocol


async def test_a_long_response_may_take_its_time_as_long_as_it_is_read(runtime: Runtime) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(8):
            await trio.sleep(0.25)
            yield b"part"

    async def long(_request: Request) -> Response:
        return StreamingResponse(parts(), headers={"content-length": "32"})

    routes = [Route("/long", long)]
    async with http_port(runtime, routes=routes, request_timeout_secs=1) as server:
        assert (await get(server, "/long")).text == "part" * 8
