"""A client of the WebSocket that can send anything."""

import base64
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)

from runtime.http import HttpServer

SECONDS = 20.0


def chunk(samples: Any, rate: int = 48000, *, timestamp_ms: int = 0, **header: int) -> bytes:
    """Return a binary message."""
    array = np.asarray(samples)
    form = {"f": 1, "i": 2}[array.dtype.kind]
    values = {"kind": 1, "form": form, "channels": 1, "rate": rate, "sequence": 0, **header}
    head = struct.pack(
        "<BBBBIII",
        values["kind"],
        values["form"],
        values["channels"],
        0,
        values["rate"],
        values["sequence"],
        timestamp_ms,
    )
    return head + array.tobytes()


SILENCE = chunk(np.zeros(960, np.int16))


def bearer(token: str) -> str:
    """Return the subprotocol that carries a token."""
    return "bearer." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


class RefusedError(Exception):
    """The server has refused the WebSocket."""


class TalkClient:
    """A WebSocket to a pipeline.

    Attributes:
        subprotocol: that the server has chosen.
        code: with which it has closed; None as long as it is open.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self.subprotocol: str | None = None
        self.code: int | None = None
        self._stream = stream
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._events: list[Event] = []

    async def open(self, request: Request) -> None:
        await self._stream.send_all(self._protocol.send(request))
        event = await self._next()
        if isinstance(event, RejectConnection):
            raise RefusedError(event.status_code)
        assert isinstance(event, AcceptConnection)
        self.subprotocol = event.subprotocol

    async def send(self, message: bytes | str) -> None:
        """Send a message."""
        event: Event = TextMessage(message) if isinstance(message, str) else BytesMessage(message)
        await self._stream.send_all(self._protocol.send(event))

    async def ask(self, kind: str) -> None:
        """Send a message that has a type only."""
        await self.send(json.dumps({"type": kind}))

    async def receive(self) -> Any:
        """Return the next message: bytes, or the value of JSON; None at the end."""
        text, data = "", b""
        while True:
            match await self._next():
                case TextMessage(data=part, message_finished=done):
                    text += part
                    if done:
                        return json.loads(text)
                case BytesMessage(data=part, message_finished=done):
                    data += bytes(part)
                    if done:
                        return data
                case CloseConnection(code=code):
                    self.code = int(code)
                    return None

    async def next(self, kind: str) -> Any:
        """Return the next JSON message of a type."""
        while True:
            message = await self.receive()
            assert message is not None, f"closed with {self.code} before {kind}"
            if isinstance(message, dict) and message["type"] == kind:
                return message

    async def ends(self) -> Any:
        """Return the last JSON message, when the server has closed."""
        last = None
        while (message := await self.receive()) is not None:
            last = message if isinstance(message, dict) else last
        return last

    async def _next(self) -> Event:
        with trio.fail_after(SECONDS):
            while True:
                self._events += self._protocol.events()
                while self._events:
                    event = self._events.pop(0)
                    if not isinstance(event, Ping):
                        return event
                data = await self._stream.receive_some()
                assert data, "the server has closed the connection"
                self._protocol.receive_data(bytes(data))


@asynccontextmanager
async def talking(
    server: HttpServer,
    pipeline: str = "echo",
    *headers: tuple[str, str],
    host: str = "",
    token: str = "",
    subprotocols: tuple[str, ...] = (),
) -> AsyncIterator[TalkClient]:
    """Open a WebSocket to a pipeline."""
    lines = [(name.encode(), value.encode()) for name, value in headers]
    if token:
        lines.append((b"authorization", f"Bearer {token}".encode()))
    async with await trio.open_tcp_stream("127.0.0.1", server.address.port) as stream:
        client = TalkClient(stream)
        await client.open(
            Request(
                host=host or str(server.address),
                target=f"/talk/stream?pipeline={pipeline}",
                extra_headers=lines,
                subprotocols=list(subprotocols),
            )
        )
        yield client
