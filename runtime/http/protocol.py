"""HTTP/1.1 and WebSockets of one connection: hypercorn's, without what a client could misuse.

`_check_protocol` and `_create_stream` are private names of hypercorn; a test checks them.
"""

import logging
from typing import Final

import h11
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import WSStream
from hypercorn.trio.worker_context import WorkerContext
from starlette.types import ASGIApp, Receive, Scope, Send
from wsproto.connection import ConnectionState

from ..config import Http

MOST_WEBSOCKET_BYTES: Final = 1024 * 1024
"""The longest message that a WebSocket receives."""

# A WebSocket without traffic shows by this whether its client is still there.
_PING_SECONDS: Final = 20.0
_log: Final = logging.getLogger("millrace.http")
_EXTENSIONS: Final = b"sec-websocket-extensions"


class HttpProtocol(H11Protocol):
    """One connection, as long as it speaks HTTP/1.1 or is a WebSocket."""

    @property
    def websocket(self) -> ConnectionState | None:
        """The state of the WebSocket; None if there is none, or the application decides yet."""
        if isinstance(self.stream, WSStream) and self.stream.handshake.accepted:
            return self.stream.connection.state
        return None

    @property
    def has_partial_request(self) -> bool:
        """Whether the beginning of a request has come, and not all of it."""
        return bool(self.connection.trailing_data[0])

    async def _check_protocol(self, event: h11.Request) -> None:
        """Stay with HTTP/1.1: hypercorn would let any request change to HTTP/2."""

    async def _create_stream(self, request: h11.Request) -> None:
        """Begin to answer a request.

        The header with the extensions of a WebSocket is dropped: a malformed one would raise an
        exception, and compression would turn a few bytes into many.
        """
        if not all(value.isascii() for _, value in request.headers):
            await self._send_error_response(400)
            return
        kept = [each for each in request.headers.raw_items() if each[0].lower() != _EXTENSIONS]
        if len(kept) < len(request.headers):
            request = h11.Request(
                method=request.method,
                target=request.target,
                headers=kept,
                http_version=request.http_version,
            )
        await super()._create_stream(request)


def wrapped(application: ASGIApp) -> ASGIWrapper:
    """Return an application as hypercorn calls it."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await application(scope, receive, send)
        except h11.LocalProtocolError as error:
            # The client has broken the protocol meanwhile, and got its answer: no error of ours.
            _log.info("HTTP request failed", extra={"reason": str(error)})

    return ASGIWrapper(answer)  # type: ignore[arg-type]  # another declaration of the same


def new_context() -> WorkerContext:
    """Return what all connections of a server share."""
    return WorkerContext(None)


def protocol_config(http: Http) -> Config:
    """Return the settings as hypercorn reads them."""
    config = Config()
    config.h11_max_incomplete_size = http.max_header_bytes
    config.websocket_max_message_size = MOST_WEBSOCKET_BYTES
    config.websocket_ping_interval = _PING_SECONDS
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = _log
    return config
