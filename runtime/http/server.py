"""The listening port, and how many connections it has."""

import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import trio

from ..config import Http, ServerAddress, http_access
from ..errors import ConfigError, Fault, UnwrappedErrors
from ..metrics import Registry, Snapshot, measure_loop_lag
from ..service import listening_socket, server_tls
from .tokens import Tokens

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from .connection import HttpConnection

_log: Final = logging.getLogger("millrace.http")
_LIBRARIES: Final = ("h11", "hypercorn", "prometheus_client", "starlette", "wsproto")


class HttpServer:
    """A listening HTTP port.

    Attributes:
        address: with the actual port if any free port was requested.
        answers_metrics: whether there are tokens, without which only health answers.
        uses_tls: whether clients need TLS.
        pages: the folders of the pages that answer, such as "console".
    """

    def __init__(
        self,
        address: ServerAddress,
        *,
        answers_metrics: bool,
        uses_tls: bool,
        pages: Iterable[str] = (),
    ) -> None:
        self.address = address
        self.answers_metrics = answers_metrics
        self.uses_tls = uses_tls
        self.pages = frozenset(pages)


@asynccontextmanager
async def open_http_server(
    http: Http,
    registry: Registry,
    is_ready: Callable[[], bool],
    *,
    routes: "Iterable[BaseRoute]" = (),
    console: "Callable[[Tokens], ASGIApp] | None" = None,
    talk: "Callable[[], ASGIApp] | None" = None,
    environment: Mapping[str, str] | None = None,
    collect: Callable[[], Awaitable[Snapshot]] | None = None,
    listening: socket.socket | None = None,
) -> AsyncIterator[HttpServer | None]:
    """Serve metrics and health over HTTP for as long as the block lasts; None if it is off.

    Nothing that a client sends ends the block. Its end cancels what runs.

    Args:
        http: the settings.
        registry: has the metrics.
        is_ready: returns whether the server accepts sessions.
        routes: further ones. They need a token too.
        console: makes the application for `/` and `/console/`, which checks the tokens itself. It
            is used if `http.console` is on.
        talk: makes the application for `/talk/`, which checks the tokens of clients. It is used
            if `http.talk` is on.
        environment: the environment variables; None means those of the process.
        collect: returns the metrics of all workers; None: those of the registry are all.
        listening: a socket that listens already; None: one at the address of the settings.

    Raises:
        ConfigError: an address, token or certificate cannot be used, or the extra `http` is not
            installed.
    """
    access = http_access(http, os.environ if environment is None else environment)
    http = access.settings
    if not http.enabled:
        yield None
        return
    _check_libraries()
    from .application import application

    tls = server_tls(http, table="http", protocol="http/1.1")
    tokens = Tokens(access.tokens)
    pages: dict[str, ASGIApp] = {}
    if http.console and console is not None:
        pages["console"] = console(tokens)
    if http.talk and talk is not None:
        pages["talk"] = talk()
    answer = application(collect or registry.collect, is_ready, tokens, routes, pages)
    listening = listening or listening_socket(access.address)
    with listening, UnwrappedErrors():
        address = ServerAddress(access.address.host, listening.getsockname()[1])
        async with trio.open_nursery() as nursery:
            connections = _Connections(answer, http, tls)
            listening.setblocking(False)
            listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
            nursery.start_soon(measure_loop_lag, registry.loop_lag)
            nursery.start_soon(trio.serve_listeners, connections.handle, [listener])
            fields = {"address": str(address), "tls": tls is not None}
            _log.info("listening for HTTP", extra=fields)
            yield HttpServer(
                address,
                answers_metrics=bool(tokens),
                uses_tls=tls is not None,
                pages=pages,
            )
            nursery.cancel_scope.cancel()


class _Connections:
    """The open connections, the oldest first."""

    def __init__(
        self, answer: "Callable[..., object]", http: Http, tls: ssl.SSLContext | None
    ) -> None:
        from .protocol import new_context, protocol_config, wrapped

        self._http = http
        self._tls = tls
        self._answer = wrapped(answer)  # type: ignore[arg-type]
        self._config = protocol_config(http)
        self._context = new_context()
        self._open: dict[HttpConnection, None] = {}

    async def handle(self, stream: trio.SocketStream) -> None:
        """Answer one connection; its errors end nothing else."""
        from .connection import HttpConnection

        connection = HttpConnection(
            stream, self._tls, self._answer, self._http, self._config, self._context
        )
        self._make_room()
        self._open[connection] = None
        try:
            await connection.run()
        except Exception as error:  # noqa: BLE001 (of what this client has sent)
            reason = f"{type(error).__name__}: {error}"
            _log.info("HTTP connection failed", extra={"reason": reason})
            _log.debug("its traceback", exc_info=error)
        finally:
            del self._open[connection]

    def _make_room(self) -> None:
        """Close the oldest connection at the limit: an honest client makes its request at once.

        WebSockets do not count. An application accepts them from those only who may have one, and
        bounds their number; otherwise any new connection could end a conversation.
        """
        requests = [each for each in self._open if not each.is_websocket]
        if len(requests) >= self._http.max_connections:
            requests[0].close()


def _check_libraries() -> None:
    from importlib import import_module

    for name in _LIBRARIES:
        try:
            import_module(name)
        except ImportError as error:
            message = "needs the extra `http`: pip install 'millrace-runtime[http]'"
            raise ConfigError([Fault("http.enabled", message)]) from error
