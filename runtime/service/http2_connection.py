"""One client's connection: reading it, and closing it whatever the client does."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import trio
from h2.errors import ErrorCodes

from ..wire import MessageBuffer
from ..wire.grpclib_adapter import (
    CallRequest,
    FrameTooLongError,
    ServerProtocol,
    ServerStream,
    http2_configuration,
)
from .trio_waiter import TrioWaiter

_log = logging.getLogger("millrace.service")

# 64 KiB take 5 to 10 % longer; more than this is not faster.
READ_BYTES: Final = 256 * 1024
# What takes longer than this to carry out is read in smaller pieces, and other tasks run between
# them: with 256 KiB of pings at a time, others waited 370 ms for an answer, and so 6 ms. Calls that
# are reset at once have 35 bytes each, and take 0.2 ms.
_TURN_SECONDS: Final = 0.001
_FIRST_READ_BYTES: Final = 4096
_LEAST_READ_BYTES: Final = 256
# Of a connection that is to be closed: then what its client has not taken is given up.
_UNSENT_SECONDS: Final = 1.0
# Data stop far below this, where a client does not read. What answers its pings does not.
_UNSENT_BYTES: Final = 4 * 1024 * 1024


class ConnectionOwner(Protocol):
    """What a connection needs of its server.

    Attributes:
        loop: asyncio's.
        read_buffer: what any connection reads into; nothing stays there.
        most_message_bytes: of one message.
    """

    loop: asyncio.AbstractEventLoop
    read_buffer: bytearray
    most_message_bytes: int

    def admit(self, connection: "Http2Connection", request: CallRequest) -> None:
        """Check whether a call may start; raise RefusedCallError if not."""

    def start_call(self, stream: ServerStream) -> Callable[[], None]:
        """Start to answer a call; return a function that cancels it."""

    def start_soon(self, function: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        """Start a task of a connection's."""

    def remove(self, connection: "Http2Connection") -> None:
        """Forget a connection that is closed."""


class Http2Connection(ServerProtocol):
    """One client's connection, from its acceptance on.

    Attributes:
        peer: the client's IP address.
        deadline: by which the client has to make a call that is admitted.
        opening: the scope of the TLS handshake.
    """

    def __init__(
        self,
        owner: ConnectionOwner,
        peer: str,
        deadline: float,
        *,
        keepalive_seconds: float,
        keepalive_timeout_seconds: float,
    ) -> None:
        super().__init__(
            http2_configuration(
                keepalive_seconds=keepalive_seconds,
                keepalive_timeout_seconds=keepalive_timeout_seconds,
                ping_without_calls=True,
            )
        )
        self.peer = peer
        self.deadline = deadline
        self.opening = trio.CancelScope()
        self._owner = owner
        self._leaving = False
        self._reading = trio.CancelScope()
        self._giving_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read from the socket."""
        super().connection_made(transport)
        assert self.transport is not None
        if transport.get_extra_info("sslcontext") is None:
            self.transport.pause_reading()
            self._owner.start_soon(self._read, self.transport)

    def admit(self, request: CallRequest) -> None:
        """Check whether a call may start; raise RefusedCallError if not."""
        self._owner.admit(self, request)

    def start_call(self, stream: ServerStream) -> Callable[[], None]:
        """Start to answer a call; return a function that cancels it."""
        return self._owner.start_call(stream)

    def make_buffer(self, acknowledge: Callable[[int], None]) -> MessageBuffer:
        """Return what takes in the messages of a new call."""
        return MessageBuffer(TrioWaiter(), acknowledge, most_bytes=self._owner.most_message_bytes)

    def on_reset_flood(self) -> None:
        """Close the connection: its client resets calls, or has them refused, without a limit."""
        _log.warning(
            "connection closed",
            extra={"peer": self.peer, "reason": "too many calls that are reset or refused"},
        )
        self.end(ErrorCodes.ENHANCE_YOUR_CALM)

    def send_goaway(self, error_code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Ask the client to close the connection, and read no more.

        An end that closes a connection on which more comes in resets it, and the client may lose
        what it has not read yet: the last results, and the status.
        """
        self._leaving = True
        if self.transport is not None:
            super().send_goaway(error_code)

    def end(self, error_code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Close it, with its calls, and tell the client why."""
        if self.transport is None:
            self.opening.cancel()
        else:
            self.send_goaway(error_code)
            self.processor.close("closed by the server")

    def close(self) -> None:
        """Close it once all is sent, or after a while."""
        super().close()
        if self._giving_up is None:
            self._giving_up = self._owner.loop.call_later(_UNSENT_SECONDS, self.abort)

    def abort(self) -> None:
        """Close it now."""
        self.opening.cancel()
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Carry out what came; close the connection if it is no HTTP/2."""
        if self._leaving:
            return
        assert self.transport is not None
        try:
            self.feed(data)
        except FrameTooLongError:
            self.processor.close("a frame is longer than allowed")
        except Exception:  # noqa: BLE001 (it ends this connection only)
            _log.exception("connection failed", extra={"peer": self.peer})
            self.processor.close("not understood")
        if self.transport.get_write_buffer_size() > _UNSENT_BYTES:
            reason = "it asks, and reads no answers"
            _log.info("connection closed", extra={"peer": self.peer, "reason": reason})
            self.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Cancel the calls, and forget the connection."""
        super().connection_lost(exc)
        if self._giving_up is not None:
            self._giving_up.cancel()
        self._reading.cancel()  # it lets go of the socket now, which is closed when this returns
        self._owner.remove(self)

    async def _read(self, transport: asyncio.Transport) -> None:
        """Read in the place of asyncio's transport, as long as the connection lasts.

        trio-asyncio lets asyncio's loop have a turn after each read, which puts two turns of trio's
        scheduler between the bytes and whoever waits for them.
        """
        descriptor = transport.get_extra_info("socket").fileno()
        buffer = memoryview(self._owner.read_buffer)
        most = _FIRST_READ_BYTES
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


def _next_read(size: int, most: int, took_seconds: float) -> int:
    """Return how much to read at most after `size` bytes, of `most`, that took so long."""
    if took_seconds > _TURN_SECONDS:
        return max(int(size * _TURN_SECONDS / took_seconds), _LEAST_READ_BYTES)
    return min(2 * most, READ_BYTES)
