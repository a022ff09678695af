"""grpclib's server, with bounds of our own, and with every connection closed at the end."""

import asyncio
import contextvars
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, cast

import trio
from grpclib.const import Handler
from grpclib.protocol import H2Protocol

from ..config import Server as ServerSettings
from ..wire import MessageBuffer
from ..wire.codec import Codec
from ..wire.grpclib_adapter import (
    FrameTooLongError,
    GrpclibServer,
    ServerProtocol,
    http2_configuration,
)
from .trio_waiter import TrioWaiter

_log = logging.getLogger("millrace.service")

# 64 KiB take 5 to 10 % longer; more than this is not faster.
_READ_BYTES: Final = 256 * 1024
# What takes longer than this to carry out is read in smaller pieces, which others run between: with
# 256 KiB of pings at a time, everybody else waited 370 ms for an answer, and so 6 ms.
_TURN_SECONDS: Final = 0.001
_LEAST_READ_BYTES: Final = 4096
# Of a connection that is to be closed: then what its client has not taken is given up.
_UNSENT_SECONDS: Final = 1.0
# Data stop far below this, where a client does not read. What answers its pings does not.
_UNSENT_BYTES: Final = 4 * 1024 * 1024


class _Http2Connection(ServerProtocol):
    """One client's connection."""

    def __init__(self, template: H2Protocol, server: "Http2Server") -> None:
        super().__init__(template)
        self._server = server
        self._leaving = False
        self._reading = trio.CancelScope()
        self._giving_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._transport = cast("asyncio.Transport", transport)
        self._server.add(self)
        if transport.get_extra_info("sslcontext") is None:
            self._transport.pause_reading()
            self._server.start_soon(self._read, self._transport)

    def make_buffer(self, acknowledge: Callable[[int], None]) -> MessageBuffer:
        return MessageBuffer(TrioWaiter(), acknowledge, most_bytes=self._server.most_message_bytes)

    def send_goaway(self) -> None:
        """Ask the client to close the connection, and read no more.

        An end that closes a connection on which more comes in resets it, and the client may lose
        what it has not read yet: the last results, and the status.
        """
        self._leaving = True
        super().send_goaway()

    def close(self) -> None:
        """Close it once all is sent, or after a while."""
        super().close()
        if self._giving_up is None:
            loop = asyncio.get_running_loop()
            self._giving_up = loop.call_later(_UNSENT_SECONDS, self.abort)

    def abort(self) -> None:
        """Close it now."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._leaving:
            return
        try:
            self.feed(data)
        except FrameTooLongError:
            self.processor.close("a frame is longer than allowed")
        except Exception as error:  # noqa: BLE001 (bytes of a stranger; they end this connection only)
            _log.info("connection refused", extra={"reason": repr(error)})
            self.processor.close("not understood")
        if self._transport.get_write_buffer_size() > _UNSENT_BYTES:
            _log.info("connection refused", extra={"reason": "it asks, and reads no answers"})
            self.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self._giving_up is not None:
            self._giving_up.cancel()
        self._reading.cancel()  # it lets go of the socket now, which is closed when this returns
        self._server.forget(self)

    async def _read(self, transport: asyncio.Transport) -> None:
        """Read in the place of asyncio's transport, as long as the connection lasts.

        trio-asyncio lets asyncio's loop have a turn after each read, which puts two turns of trio's
        scheduler between the bytes and whoever waits for them.
        """
        descriptor = transport.get_extra_info("socket").fileno()
        buffer = memoryview(self._server.read_buffer)
        most = _LEAST_READ_BYTES
        with self._reading:
            while not transport.is_closing():
                await trio.lowlevel.wait_readable(descriptor)
                if transport.is_closing():
                    return  # its descriptor may be another's by now
                try:
                    size = os.readv(descriptor, [buffer[:most]])
                except BlockingIOError:
                    continue
                except OSError:
                    self.abort()
                    return
                if not size:
                    self.close()
                    return
                began = time.perf_counter()
                self.data_received(bytes(buffer[:size]))
                most = _next_read(size, most, time.perf_counter() - began)


class Http2Server(GrpclibServer):
    """A server that knows its connections. Make it on asyncio.

    Attributes:
        most_message_bytes: of one message.
        read_buffer: what any connection reads into; nothing stays there.

    Args:
        handlers: rpc path to what answers it.
        nursery: where connections are read.
        codec: of the messages.
        settings: for keepalive.
        most_message_bytes: of one message.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        nursery: trio.Nursery,
        codec: Codec,
        settings: ServerSettings,
        most_message_bytes: int,
    ) -> None:
        configuration = http2_configuration(
            keepalive_seconds=settings.keepalive_secs,
            keepalive_timeout_seconds=settings.keepalive_timeout_secs,
            ping_without_calls=True,
        )
        super().__init__(
            handlers, codec, configuration, lambda template: _Http2Connection(template, self)
        )
        self.most_message_bytes = most_message_bytes
        self.read_buffer = bytearray(_READ_BYTES)
        self._nursery = nursery
        self._context = contextvars.copy_context()
        self._open: set[_Http2Connection] = set()
        self._one_less = trio.Event()

    def add(self, connection: _Http2Connection) -> None:
        """Take note of a connection that is made, which one whose handshake fails never is."""
        self._open.add(connection)

    def start_soon(self, function: Callable[..., Awaitable[None]], *arguments: object) -> None:
        """Start a task of a connection's, which asyncio takes for one of its own."""
        self._context.run(self._nursery.start_soon, function, *arguments)

    def forget(self, connection: _Http2Connection) -> None:
        """Take note of its end."""
        self._open.discard(connection)
        self._one_less.set()

    async def wait_at_most(self, connections: int) -> None:
        """Wait until no more clients are connected than this."""
        while len(self._open) > connections:
            self._one_less = trio.Event()
            await self._one_less.wait()

    async def close_connections(self, *, within_seconds: float) -> None:
        """Let every client close its connection, and after a while close those that are left."""
        for each in tuple(self._open):
            each.send_goaway()
        with trio.move_on_after(within_seconds):
            await self.wait_at_most(0)
        for each in tuple(self._open):
            each.abort()
        with trio.move_on_after(within_seconds):
            await self.wait_at_most(0)


def _next_read(size: int, most: int, took_seconds: float) -> int:
    """Return how much to read at most after `size` bytes, of `most`, that took so long."""
    if took_seconds > _TURN_SECONDS:
        return max(int(size * _TURN_SECONDS / took_seconds), _LEAST_READ_BYTES)
    return min(2 * most, _READ_BYTES)
