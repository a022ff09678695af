"""grpclib's server, with bounds of our own, and with every connection closed at the end."""

import asyncio
import contextvars
import logging
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import trio
from grpclib.config import Configuration
from grpclib.protocol import H2Protocol, Stream
from grpclib.server import Server
from h2.events import AlternativeServiceAvailable, RequestReceived, UnknownFrameReceived
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from ..config import Server as ServerSettings
from ..wire import (
    CONNECTION_WINDOW_BYTES,
    MAX_CONCURRENT_CALLS,
    MAX_FRAME_BYTES,
    STREAM_WINDOW_BYTES,
)
from .frame_reader import FrameReader, FrameTooLongError

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

_IGNORED: Final = (UnknownFrameReceived, AlternativeServiceAvailable)


class _Connection(H2Protocol):
    """One client's connection."""

    def __init__(self, made: H2Protocol, server: "ConnectionServer") -> None:
        super().__init__(made.handler, made.config, made.h2_config)
        self._server = server
        self._leaving = False
        self._reading = trio.CancelScope()
        self._giving_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._server.add(self)
        self._transport: Any = transport
        self._close_kindly = self.connection.close
        # grpclib closes it in many places, and would wait for ever until all is sent.
        self.connection.close = self.close  # type: ignore[method-assign]
        self.connection._connection.update_settings(
            {
                SettingCodes.MAX_CONCURRENT_STREAMS: MAX_CONCURRENT_CALLS,
                SettingCodes.MAX_FRAME_SIZE: MAX_FRAME_BYTES,
            }
        )
        self.connection.flush()
        # h2 would look at the new size only from the read after the one that brings the client's
        # acknowledgement, and refuse a large frame that comes right behind it.
        self.connection._connection.max_inbound_frame_size = MAX_FRAME_BYTES
        # RFC 9113, 5.5: what is not known is ignored. grpclib would raise.
        self.processor.processors.update(dict.fromkeys(_IGNORED, _ignore))
        self.processor.processors[RequestReceived] = self._accept
        self._reader = FrameReader(self, super().data_received, most_bytes=MAX_FRAME_BYTES)
        if transport.get_extra_info("sslcontext") is None:
            transport.pause_reading()  # type: ignore[attr-defined]
            self._server.start_soon(self._read, transport)

    def say_goodbye(self) -> None:
        """Tell the client that all has been said, so that it closes the connection.

        Whoever closes a connection on which more comes in resets it, and the client may lose what
        it has not read yet: the last results, and the status.
        """
        self._leaving = True
        if not self.connection.is_closing():
            with suppress(ProtocolError):
                self.connection._connection.close_connection()
            self.connection.flush()

    def close(self) -> None:
        """Close it once all is sent, or after a while."""
        self._close_kindly()
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
            self._reader.feed(data)
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

    def _accept(self, event: RequestReceived) -> None:
        """Start a call; see to it that it is released, which grpclib leaves to its task.

        A task that is cancelled before its first step, as when the client resets the stream in the
        same breath, does nothing: what came with it would be held, and never acknowledged.
        """
        self.processor.process_request_received(event)
        stream = self.processor.streams[event.stream_id]
        task = self.handler._tasks[stream]  # type: ignore[attr-defined]
        task.add_done_callback(lambda _: self._release(stream))

    def _release(self, stream: Stream) -> None:
        assert stream.id is not None
        left = self.processor.streams.pop(stream.id, None)
        if left is not None and not self.connection.is_closing():
            self.connection.ack(stream.id, left.buffer.unacked_size())
        if self._reader.is_last and not self.processor.streams:
            self.close()

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


class ConnectionServer(Server):
    """A grpclib server that knows its connections. Make it on asyncio.

    Attributes:
        read_buffer: what any connection reads into; nothing stays there.

    Args:
        nursery: where connections are read.
    """

    def __init__(self, handlers: Any, nursery: trio.Nursery, **options: Any) -> None:
        super().__init__(handlers, **options)
        self.read_buffer = bytearray(_READ_BYTES)
        self._nursery = nursery
        self._context = contextvars.copy_context()
        self._open: set[_Connection] = set()
        self._one_less = trio.Event()

    def _protocol_factory(self) -> H2Protocol:
        return _Connection(super()._protocol_factory(), self)

    def add(self, connection: _Connection) -> None:
        """Take note of a connection that is made, which one whose handshake fails never is."""
        self._open.add(connection)

    def start_soon(self, function: Callable[..., Awaitable[None]], *arguments: object) -> None:
        """Start a task of a connection's, which asyncio takes for one of its own."""
        self._context.run(self._nursery.start_soon, function, *arguments)

    def forget(self, connection: _Connection) -> None:
        """Take note of its end."""
        self._open.discard(connection)
        self._one_less.set()

    async def wait_at_most(self, connections: int) -> None:
        """Wait until no more clients are connected than this."""
        while len(self._open) > connections:
            self._one_less = trio.Event()
            await self._one_less.wait()

    def stop_listening(self) -> None:
        """Take no more connections; those that are open stay."""
        if self._server is not None:
            self._server.close()

    async def close_connections(self, *, within_seconds: float) -> None:
        """Let every client close its connection, and after a while close those that are left."""
        for each in tuple(self._open):
            each.say_goodbye()
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


def _ignore(_event: object) -> None:
    """Go on as if it had not come."""


def http2_configuration(settings: ServerSettings) -> Configuration:
    """Return grpclib's configuration: windows, and pings that find clients that are gone."""
    return Configuration(
        http2_connection_window_size=CONNECTION_WINDOW_BYTES,
        http2_stream_window_size=STREAM_WINDOW_BYTES,
        _keepalive_time=settings.keepalive_secs,
        _keepalive_timeout=settings.keepalive_timeout_secs,
        _keepalive_permit_without_calls=True,
        _http2_max_pings_without_data=0,
        _http2_min_sent_ping_interval_without_data=settings.keepalive_secs / 2,
    )
