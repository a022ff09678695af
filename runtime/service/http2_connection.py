"""The HTTP/2 connection of one client: it is read on trio, and closed within a bounded time."""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import trio
from h2.errors import ErrorCodes

from ..links import DirectRun
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

# The most bytes of one read. 64 KiB take 5 to 10 % longer; more is not faster.
READ_BYTES: Final = 256 * 1024
# What takes longer than this to carry out is read in smaller pieces, and other tasks run between
# them: with 256 KiB of pings at a time, others waited 370 ms for an answer, and so 6 ms. Calls that
# are reset at once have 35 bytes each, and take 0.2 ms.
_TURN_SECONDS: Final = 0.001
# After a read of so much, the next one goes into memory of its own, without a copy. That memory is
# allocated for the most that is read, so a small read would cost more than its copy.
_LARGE_READ_BYTES: Final = 64 * 1024
_FIRST_READ_BYTES: Final = 4096
_LEAST_READ_BYTES: Final = 256
# A closing connection drops what its client has not received after this time.
_UNSENT_SECONDS: Final = 1.0
# For a client to close a connection without calls after GOAWAY.
_CLOSING_SECONDS: Final = 5.0
# Bytes that wait for the socket. Flow control bounds data far below this, but not ping answers.
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
        """Start a task of a connection."""

    def remove(self, connection: "Http2Connection") -> None:
        """Remove a closed connection."""


class Http2Connection(ServerProtocol):
    """One client's connection, from its acceptance on.

    Attributes:
        peer: the client's IP address.
        deadline: by which the client has to make a call that is admitted.
        opening: the scope of the TLS handshake.

    Args:
        owner: the server.
        peer: as the attribute.
        deadline: as the attribute.
        keepalive_seconds: without a byte from the client before it is sent a ping.
        keepalive_timeout_seconds: for it to answer.
        max_age_seconds: after which it is asked to use another connection; 0: never.
    """

    def __init__(
        self,
        owner: ConnectionOwner,
        peer: str,
        deadline: float,
        *,
        keepalive_seconds: float,
        keepalive_timeout_seconds: float,
        max_age_seconds: float = 0,
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
        self._direct = DirectRun()
        self._max_age_seconds = max_age_seconds
        self._leaving = False
        self._is_last_asked = False
        self._aged: asyncio.TimerHandle | None = None
        self._reading = trio.CancelScope()
        self._giving_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read from the socket."""
        super().connection_made(transport)
        assert self.transport is not None
        if self._is_last_asked:  # during the TLS handshake
            super().announce_goaway()
        if self._max_age_seconds:
            self._aged = self._owner.loop.call_later(self._max_age_seconds, self.announce_goaway)
        if transport.get_extra_info("sslcontext") is None:
            # After this method asyncio starts to read. Python 3.11.2, that of Debian 12, does so
            # even if reading is paused here; 3.11.7 does not. Two readers of one descriptor would
            # end the server.
            self._owner.loop.call_soon(self._take_over_reading, self.transport)

    def _take_over_reading(self, transport: asyncio.Transport) -> None:
        if not transport.is_closing():
            transport.pause_reading()
            self._owner.start_soon(self._read, transport)

    def admit(self, request: CallRequest) -> None:
        """Check whether a call may start; raise RefusedCallError if not."""
        self._owner.admit(self, request)

    def start_call(self, stream: ServerStream) -> Callable[[], None]:
        """Start to answer a call; return a function that cancels it."""
        return self._owner.start_call(stream)

    def make_buffer(self, acknowledge: Callable[[int], None]) -> MessageBuffer:
        """Return the buffer for the messages of a new call."""
        waiter = TrioWaiter(self._direct)
        return MessageBuffer(waiter, acknowledge, most_bytes=self._owner.most_message_bytes)

    def on_reset_flood(self) -> None:
        """Close the connection: its client resets calls, or has them refused, without a limit."""
        _log.warning(
            "connection closed",
            extra={"peer": self.peer, "reason": "too many calls that are reset or refused"},
        )
        self.end(ErrorCodes.ENHANCE_YOUR_CALM)

    def on_last_call_ended(self) -> None:
        """Ask the client to close the connection; after some seconds, close it."""
        self.send_goaway()
        if self._giving_up is None:
            self._giving_up = self._owner.loop.call_later(_CLOSING_SECONDS, self.abort)

    def announce_goaway(self) -> None:
        """Ask the client to start its next calls on another connection, once this one is open."""
        self._is_last_asked = True
        if self.transport is not None:
            super().announce_goaway()

    def send_goaway(self, error_code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Ask the client to close the connection, and read no more.

        An end that closes a connection on which more comes in resets it, and the client may lose
        what it has not read yet: the last results, and the status.
        """
        self._leaving = True
        if self.transport is not None:
            super().send_goaway(error_code)

    def end(self, error_code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Close the connection and its calls, with a reason for the client."""
        if self.transport is None:
            self.opening.cancel()
        else:
            self.send_goaway(error_code)
            self.processor.close("closed by the server")

    def close(self) -> None:
        """Close the connection once everything is sent, or after a second."""
        super().close()
        if self._giving_up is None:
            self._giving_up = self._owner.loop.call_later(_UNSENT_SECONDS, self.abort)

    def abort(self) -> None:
        """Close the connection at once."""
        self.opening.cancel()
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Handle the next bytes; close the connection if they are not HTTP/2."""
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
        """Cancel the calls, and remove the connection from the server."""
        super().connection_lost(exc)
        if self._aged is not None:
            self._aged.cancel()
        if self._giving_up is not None:
            self._giving_up.cancel()
        self._reading.cancel()  # the reader leaves the socket, which asyncio closes after this
        self._owner.remove(self)

    async def _read(self, transport: asyncio.Transport) -> None:
        """Read the socket instead of asyncio's transport, as long as the connection is open.

        trio-asyncio lets asyncio's loop have a turn after each read, which puts two turns of trio's
        scheduler between the bytes and whoever waits for them.
        """
        descriptor = transport.get_extra_info("socket").fileno()
        buffer = memoryview(self._owner.read_buffer)
        most, last = _FIRST_READ_BYTES, 0
        with self._reading:
            while not transport.is_closing():
                await trio.lowlevel.wait_readable(descriptor)
                if transport.is_closing():
                    return  # the descriptor may belong to another socket now
                try:
                    if last >= _LARGE_READ_BYTES:
                        data = os.read(descriptor, most)
                    else:
                        data = bytes(buffer[: os.readv(descriptor, [buffer[:most]])])
                except BlockingIOError:
                    continue
                except OSError:
                    self.abort()
                    return
                last = len(data)
                if not last:
                    self.close()
                    return
                began = time.perf_counter()
                self._direct.begin()
                try:
                    self.data_received(data)
                    most = _next_read(last, most, time.perf_counter() - began)
                finally:
                    self._direct.finish()  # with all state of HTTP/2 as it was read


def _next_read(size: int, most: int, took_seconds: float) -> int:
    """Return the most bytes of the next read, from the size and duration of the last one."""
    if took_seconds > _TURN_SECONDS:
        return max(int(size * _TURN_SECONDS / took_seconds), _LEAST_READ_BYTES)
    return min(2 * most, READ_BYTES)
