"""A chat endpoint on a real socket, which behaves as a script says."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from runtime.errors import UnwrappedErrors

EVENTS = "text/event-stream"


@dataclass(slots=True)
class Request:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(slots=True)
class Exchange:
    """One request, and the ways to answer it."""

    request: Request
    stream: trio.SocketStream

    async def head(self, status: str = "200 OK", kind: str = EVENTS, *more: str) -> None:
        """Send the head of a response whose body ends with its connection."""
        lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", *more, "", ""]
        await self.stream.send_all("\r\n".join(lines).encode())

    async def event(self, data: object) -> None:
        """Send an event."""
        text = data if isinstance(data, str) else json.dumps(data)
        await self.stream.send_all(f"data: {text}\n\n".encode())

    async def pieces(self, *words: str, finish: str | None = "stop") -> None:
        """Send pieces of an answer, and its end."""
        for word in words:
            await self.event(piece(content=word))
        if finish is not None:
            await self.event(piece(finish=finish))
            await self.event("[DONE]")


Script = Callable[[Exchange], Awaitable[None]]


def piece(finish: str | None = None, **delta: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def calls_tool(name: str, arguments: str, index: int | None = 0, call_id: str = "c1") -> object:
    function = {"name": name, "arguments": arguments}
    entry: dict[str, object] = {"id": call_id, "type": "function", "function": function}
    if index is not None:
        entry["index"] = index
    return piece(tool_calls=[entry])


def says(*words: str) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.pieces(*words)

    return script


def sends(*events: object, finish: str = "stop") -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.head()
        for event in events:
            await exchange.event(event)
        await exchange.pieces(finish=finish)

    return script


def responds(text: str | bytes) -> Script:
    """Send this text, and close the connection."""

    async def script(exchange: Exchange) -> None:
        await exchange.stream.send_all(text.encode() if isinstance(text, str) else text)

    return script


@dataclass(slots=True)
class Endpoint:
    """A running endpoint.

    Attributes:
        requests: in the order in which they came.
        closed: set when a client has closed its connection.
    """

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    closed: trio.Event = field(default_factory=trio.Event)


@asynccontextmanager
async def open_endpoint(*scripts: Script) -> AsyncIterator[Endpoint]:
    """Answer the first request by the first script, and so on; the last one answers the rest."""
    endpoint, left = Endpoint(), list(scripts)
    with UnwrappedErrors():
        async with _serving(endpoint, left):
            yield endpoint


@asynccontextmanager
async def _serving(endpoint: Endpoint, left: list[Script]) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:

        async def serve(stream: trio.SocketStream) -> None:
            async with stream:
                request = await _read(stream)
                if request is None:
                    return
                endpoint.requests.append(request)
                script = left.pop(0) if len(left) > 1 else left[0]
                try:
                    await script(Exchange(request, stream))
                except trio.BrokenResourceError:
                    endpoint.closed.set()

        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        endpoint.url = f"http://127.0.0.1:{port}/v1"
        await nursery.start(trio.serve_listeners, serve, listeners)
        yield
        nursery.cancel_scope.cancel()


async def wait_closed(exchange: Exchange, closed: trio.Event) -> None:
    """Wait until the client closes its end."""
    try:
        while await exchange.stream.receive_some():
            pass
    except trio.BrokenResourceError:
        pass
    closed.set()


async def _read(stream: trio.SocketStream) -> Request | None:
    received = b""
    while b"\r\n\r\n" not in received:
        data = await stream.receive_some()
        if not data:
            return None
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    while len(body) < int(headers["content-length"]):
        body += await stream.receive_some()
    return Request(first.split()[1], headers, json.loads(body))


def roles(request: Request) -> Sequence[str]:
    return [message["role"] for message in request.body["messages"]]
