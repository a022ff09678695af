"""One connection of the HTTP port: its bytes, its time limits, its end."""

import math
import ssl
from contextlib import suppress
from typing import Final

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState as SharedState
from wsproto.connection import ConnectionState

from ..config import Http
from ..errors import UnwrappedErrors
from .protocol import HttpProtocol

_READ_BYTES: Final = 16 * 1024
# For a client to read the last response, while what it still sends is dropped: closing the socket
# with unread bytes would reset the connection.
_LINGER_SECONDS: Final = 1.0
_GONE: Final = (trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError)


class HttpConnection:
    """Reads requests and writes responses, each within its time.

    hypercorn's own `TCPServer` has no limit for a write, and shields it: a client that does not
    read would keep the server from its end.

    Args:
        stream: the socket, accepted.
        tls: None for none.
        application: answers.
        http: with the time limits.
        config: the same settings, as hypercorn reads them.
        context: of all connections.
    """

    def __init__(
        self,
        stream: trio.SocketStream,
        tls: ssl.SSLContext | None,
        application: ASGIWrapper,
        http: Http,
        config: Config,
        context: WorkerContext,
    ) -> None:
        self._socket = stream
        self._peer = _peer_of(stream)
        self._stream: trio.SocketStream | trio.SSLStream[trio.SocketStream] = stream
        if tls is not None:
            self._stream = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
        self._application = application
        self._http = http
        self._config = config
        self._context = context
        self._scope = trio.CancelScope()
        self._sending = trio.Lock()
        self._is_idle = True
        self._protocol: HttpProtocol | None = None
        self._websocket: ConnectionState | None = None

    @property
    def is_websocket(self) -> bool:
        """Whether it is a WebSocket now."""
        return self._websocket is ConnectionState.OPEN

    def close(self) -> None:
        """End the connection soon."""
        self._scope.cancel()

    async def run(self) -> None:
        """Run until the client or a time limit ends the connection.

        Raises:
            Exception: anything that a client's bytes make the libraries raise.
        """
        try:
            with self._scope, UnwrappedErrors():
                self._limit(self._http.request_timeout_secs)
                if isinstance(self._stream, trio.SSLStream):
                    await self._stream.do_handshake()
                await self._serve()
        except _GONE:
            pass  # the client has left
        finally:
            with trio.move_on_after(_LINGER_SECONDS, shield=True):
                await self._linger()
            await trio.aclose_forcefully(self._stream)

    async def _serve(self) -> None:
        async with TaskGroup() as tasks:
            self._protocol = HttpProtocol(
                self._application,
                self._config,
                self._context,
                tasks,
                SharedState({}),
                isinstance(self._stream, trio.SSLStream),
                _address(self._peer),
                _address(self._socket.socket.getsockname()),
                self._on_event,
            )
            await self._protocol.initiate()
            while data := await self._stream.receive_some(_READ_BYTES):
                if self._is_idle:
                    self._is_idle = False
                    self._limit(self._http.request_timeout_secs)
                await self._protocol.handle(RawData(bytes(data)))
                if self._is_idle and self._protocol.has_partial_request:
                    self._is_idle = False
                    self._limit(self._http.request_timeout_secs)
            await self._protocol.handle(Closed())
            # The application knows that the client has gone; a WebSocket had no limit before.
            self._limit(self._http.request_timeout_secs)

    async def _on_event(self, event: Event) -> None:
        """Do what the protocol asks for."""
        if isinstance(event, RawData):
            await self._send(event.data)
        elif isinstance(event, Closed):
            self._scope.cancel()
        elif isinstance(event, Updated):
            self._is_idle = event.idle
            http = self._http
            self._limit(http.keepalive_secs if event.idle else http.request_timeout_secs)

    async def _send(self, data: bytes) -> None:
        async with self._sending:
            self._follow_websocket()
            with trio.move_on_after(self._http.request_timeout_secs) as waiting:
                try:
                    await self._stream.send_all(data)
                except _GONE:
                    self._scope.cancel()
            if waiting.cancelled_caught:
                self._scope.cancel()
            elif self._websocket is None and not self._is_idle:
                # Each part of a response has its time: a large file may take longer in all.
                self._limit(self._http.request_timeout_secs)

    def _follow_websocket(self) -> None:
        """Let an open WebSocket last, and one that we have closed end in time."""
        assert self._protocol is not None
        state = self._protocol.websocket
        if state is not self._websocket:
            self._websocket = state
            is_open = state is ConnectionState.OPEN
            self._limit(math.inf if is_open else self._http.request_timeout_secs)

    def _limit(self, seconds: float) -> None:
        """Let the connection end after a time, if nothing else changes that."""
        self._scope.deadline = trio.current_time() + seconds

    async def _linger(self) -> None:
        """End our side, and drop what the client still sends."""
        with suppress(*_GONE, trio.BusyResourceError, OSError):
            if isinstance(self._stream, trio.SSLStream):
                await self._stream.aclose()
                return
            await self._stream.send_eof()
            while await self._stream.receive_some(_READ_BYTES):
                pass


def _peer_of(stream: trio.SocketStream) -> object:
    """Return the name of the other end; None if it has reset the connection already."""
    try:
        return stream.socket.getpeername()
    except OSError:
        return None


def _address(name: object) -> tuple[str, int] | None:
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else None
