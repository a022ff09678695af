"""The listening socket and the connections of a server, within their limits."""

import contextvars
import errno
import logging
import os
import random
import resource
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import trio
import trio_asyncio
from grpclib.const import Status

from ..config import Server as ServerSettings
from ..wire.grpclib_adapter import CallRequest, RefusedCallError, ServerStream
from .authentication import Authentication
from .call_errors import SHUTTING_DOWN
from .call_runner import CallRunner
from .connection_limits import ConnectionLimits
from .http2_connection import READ_BYTES, Http2Connection

_log = logging.getLogger("millrace.service")

# Then other tasks get a turn.
# What a client has for its first call before others need its place.
_FIRST_CALL_SECONDS: Final = 1.0
_ACCEPTED_AT_ONCE: Final = 32
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_RETRY_SECONDS: Final = 1.0


class Http2Server:
    """Accepts connections, and closes them. Create it on asyncio.

    Attributes:
        loop: asyncio's, on which grpclib runs.
        most_message_bytes: of one message.
        read_buffer: what any connection reads into; nothing stays there.

    Args:
        calls: answers calls.
        authentication: checks the token of each call.
        nursery: where connections are accepted and read.
        loop: as the attribute.
        tls: of the connections; None: no TLS.
        settings: for keepalive, and the limits.
        most_message_bytes: of one message.
    """

    def __init__(
        self,
        calls: CallRunner,
        authentication: Authentication,
        nursery: trio.Nursery,
        loop: trio_asyncio.TrioEventLoop,
        tls: ssl.SSLContext | None,
        settings: ServerSettings,
        most_message_bytes: int,
    ) -> None:
        self.loop = loop
        self.most_message_bytes = most_message_bytes
        self.read_buffer = bytearray(READ_BYTES)
        self._calls = calls
        self._authentication = authentication
        self._nursery = nursery
        self._tls = tls
        self._settings = settings
        self._limits = ConnectionLimits(settings)
        self._context = contextvars.copy_context()
        self._open: set[Http2Connection] = set()
        # Those without an admitted call, the oldest first.
        self._unused: dict[Http2Connection, None] = {}
        self._unused_changed = trio.Event()
        self._unused_left = trio.lowlevel.ParkingLot()
        self._closed = trio.lowlevel.ParkingLot()
        self._accepting = trio.CancelScope()
        self._is_draining = False
        # Connections that were opened together do not all end together.
        self._random = random.Random()  # noqa: S311 (nothing secret)

    def start(self, listening: socket.socket) -> None:
        """Accept connections from now on, until `stop_listening`.

        Args:
            listening: a bound socket that listens; it is closed in the end.
        """
        listening.setblocking(False)
        self._nursery.start_soon(self._accept_connections, listening)
        self._nursery.start_soon(self._close_unused)

    def stop_listening(self) -> None:
        """Accept no more connections; those that are open stay."""
        self._accepting.cancel()

    def drain(self) -> None:
        """Accept no more connections, and ask every client to start its next calls elsewhere.

        Calls that are under way are still accepted: a client that has seen the request starts none.
        """
        self._is_draining = True
        self.stop_listening()
        for each in tuple(self._open):
            each.announce_goaway()

    async def wait_at_most(self, connections: int) -> None:
        """Wait until at most this many clients are connected."""
        while len(self._open) > connections:
            await self._closed.park()

    async def close_connections(self, *, within_seconds: float) -> None:
        """Ask every client to close its connection; after a time, abort the remaining ones."""
        for each in tuple(self._open):
            each.send_goaway()
        with trio.move_on_after(within_seconds):
            await self.wait_at_most(0)
        for each in tuple(self._open):
            each.abort()
        with trio.move_on_after(within_seconds):
            await self.wait_at_most(0)

    # For its connections, see `ConnectionOwner`.

    def admit(self, connection: Http2Connection, request: CallRequest) -> None:
        """Check whether a call may start; the first one keeps its connection open.

        Raises:
            RefusedCallError: it may not.
        """
        try:
            if self._is_draining and not connection.takes_calls:
                raise RefusedCallError(Status.UNAVAILABLE, SHUTTING_DOWN)
            self._calls.check_path(request.path)
            self._authentication.check(request)
        except RefusedCallError as refused:
            if refused.status is Status.UNAUTHENTICATED:
                self._limits.log_call_refused(connection.peer, str(refused))
            self._calls.count_refused(request.path, refused)
            raise
        self._forget_unused(connection)

    def start_call(self, stream: ServerStream) -> Callable[[], None]:
        """Start to answer a call; return a function that cancels it."""
        return self._calls.start(stream)

    def start_soon(self, function: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        """Start a task of a connection, in a context in which asyncio's functions work."""
        self._context.run(self._nursery.start_soon, function, *arguments)

    def remove(self, connection: Http2Connection) -> None:
        """Remove a closed connection."""
        if connection in self._open:
            self._open.remove(connection)
            self._forget_unused(connection)
            self._limits.remove(connection.peer)
            self._closed.unpark_all()

    async def _accept_connections(self, listening: socket.socket) -> None:
        with listening, self._accepting, _SpareDescriptor() as spare:
            while True:
                await trio.lowlevel.wait_readable(listening)
                for _ in range(_ACCEPTED_AT_ONCE):
                    await self._wait_for_room()
                    try:
                        sock, address = listening.accept()
                    except BlockingIOError:
                        break
                    except OSError as error:
                        if error.errno in _EXHAUSTED:
                            await self._refuse_without_descriptor(listening, spare, error)
                        continue  # otherwise the client has disconnected already
                    self._take_in(sock, address[0] if isinstance(address, tuple) else "local")

    async def _wait_for_room(self) -> None:
        """Wait until one more connection may be without a call; the next ones wait to be accepted.

        An honest client makes its first call at once. So the oldest connection makes room, but not
        before it has had time for that: many clients may come together.
        """
        most = self._settings.max_unauthenticated_connections
        while len(self._unused) >= most:
            oldest = next(iter(self._unused))
            accepted_at = oldest.deadline - self._settings.first_call_timeout_secs
            left = accepted_at + _FIRST_CALL_SECONDS - trio.current_time()
            if left > 0:
                with trio.move_on_after(left):
                    await self._unused_left.park()
                continue
            self._limits.log_closed(
                oldest.peer,
                f"{most} connections without an accepted call are open "
                "(server.max_unauthenticated_connections)",
            )
            self._forget_unused(oldest)
            oldest.abort()

    def _forget_unused(self, connection: Http2Connection) -> None:
        if connection in self._unused:
            del self._unused[connection]
            self._unused_left.unpark_all()

    def _take_in(self, sock: socket.socket, peer: str) -> None:
        """Open a connection, or refuse it."""
        reason = self._limits.refusal(peer)
        if reason:
            self._limits.log_refused(peer, reason)
            sock.close()
            return
        connection = Http2Connection(
            self,
            peer,
            trio.current_time() + self._settings.first_call_timeout_secs,
            keepalive_seconds=self._settings.keepalive_secs,
            keepalive_timeout_seconds=self._settings.keepalive_timeout_secs,
            max_age_seconds=self._random.uniform(0.9, 1.1) * self._settings.max_connection_age_secs,
        )
        if self._is_draining:  # accepted in the turn in which listening ended
            connection.announce_goaway()
        self._open.add(connection)
        self._limits.add(peer)
        self._unused[connection] = None
        self._unused_changed.set()
        self.start_soon(self._open_connection, sock, connection)

    async def _open_connection(self, sock: socket.socket, connection: Http2Connection) -> None:
        """Hand a socket to asyncio, which makes the TLS handshake."""
        timeout = self._settings.first_call_timeout_secs if self._tls is not None else None
        sock.setblocking(False)
        try:
            with connection.opening:
                await trio_asyncio.aio_as_trio(self.loop.connect_accepted_socket)(
                    lambda: connection, sock, ssl=self._tls, ssl_handshake_timeout=timeout
                )
        except OSError as error:  # also of TLS
            reason = str(error) or type(error).__name__
            _log.info("handshake failed", extra={"peer": connection.peer, "reason": reason})
        finally:
            if connection.transport is None:
                sock.close()
                self.remove(connection)

    async def _close_unused(self) -> None:
        """Close connections whose clients make no call."""
        while True:
            if not self._unused:
                self._unused_changed = trio.Event()
                await self._unused_changed.wait()
                continue
            oldest = next(iter(self._unused))
            await trio.sleep_until(oldest.deadline)
            if oldest in self._unused:
                self._forget_unused(oldest)
                seconds = self._settings.first_call_timeout_secs
                self._limits.log_closed(
                    oldest.peer,
                    f"no accepted call within {seconds:g} s (server.first_call_timeout_secs)",
                )
                oldest.end()

    async def _refuse_without_descriptor(
        self, listening: socket.socket, spare: "_SpareDescriptor", error: OSError
    ) -> None:
        """Refuse a connection for which the process has no descriptor left."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        reason = f"{error.strerror} (the process may have {soft} descriptors, RLIMIT_NOFILE)"
        if not spare.refuse(listening):
            # Wait for a connection that closes and releases a descriptor.
            with trio.move_on_after(_RETRY_SECONDS):
                await self._closed.park()
        self._limits.log_refused("", reason)


class _SpareDescriptor:
    """A descriptor that is given up for a moment, to accept a connection and close it.

    Without it, a client that cannot be accepted would wait, and the listening socket stay readable.
    """

    def __init__(self) -> None:
        self._descriptor = -1

    def __enter__(self) -> "_SpareDescriptor":
        self._take()
        return self

    def __exit__(self, *_: object) -> None:
        self._give_up()

    def refuse(self, listening: socket.socket) -> bool:
        """Accept a connection and close it; return whether there was a descriptor to spare."""
        if self._descriptor < 0:
            self._take()
            return self._descriptor >= 0
        self._give_up()
        with suppress(OSError):
            listening.accept()[0].close()
        self._take()
        return True

    def _take(self) -> None:
        with suppress(OSError):
            self._descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _give_up(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
