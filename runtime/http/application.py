"""The application behind the HTTP port: its routes."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from importlib.metadata import version

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..metrics import Snapshot
from .exposition import exposition
from .token_check import TokenCheck
from .tokens import Tokens

_NOT_CACHED = {"cache-control": "no-store"}


def application(
    collect: Callable[[], Awaitable[Snapshot]],
    is_ready: Callable[[], bool],
    tokens: Tokens,
    routes: Iterable[BaseRoute] = (),
    pages: Mapping[str, ASGIApp] | None = None,
) -> ASGIApp:
    """Return the application.

    Args:
        collect: returns the metrics.
        is_ready: returns whether the server accepts sessions.
        tokens: that everything but health needs one of.
        routes: further ones, such as those of a page. They need a token too.
        pages: each answers everything below a folder, such as "console", and the first one `/`.
            They check the tokens themselves, since a browser signs in with a form.
    """
    metrics = partial(_metrics, collect, version("millrace-runtime"))
    own = [
        Route("/livez", _live),
        Route("/readyz", partial(_ready, is_ready)),
        Route("/metrics", metrics),
    ]
    checked = TokenCheck(Starlette(routes=[*own, *routes]), tokens)
    return _Split(checked, pages) if pages else checked


class _Split:
    """Passes requests to the pages or to the rest, by the first folder of their paths."""

    def __init__(self, rest: ASGIApp, pages: Mapping[str, ASGIApp]) -> None:
        self._rest = rest
        self._pages = {"": next(iter(pages.values())), **pages}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        _, _, path = scope.get("path", "").partition("/")
        folder = path.partition("/")[0]
        is_page = folder in self._pages and (folder or not path)
        await (self._pages[folder] if is_page else self._rest)(scope, receive, send)


async def _live(_request: Request) -> Response:  # noqa: ASYNC124 (in no thread)
    """Answer: the event loop runs. That stays so while the server drains."""
    return PlainTextResponse("ok\n", headers=_NOT_CACHED)


async def _ready(  # noqa: ASYNC124 (in no thread)
    is_ready: Callable[[], bool], _request: Request
) -> Response:
    if is_ready():
        return PlainTextResponse("ready\n", headers=_NOT_CACHED)
    return PlainTextResponse("not ready\n", status_code=503, headers=_NOT_CACHED)


async def _metrics(
    collect: Callable[[], Awaitable[Snapshot]], version: str, request: Request
) -> Response:
    snapshot = await collect()
    write = partial(exposition, snapshot, version=version, accept=request.headers.get("accept", ""))
    text, content_type = await trio.to_thread.run_sync(write)
    return Response(text, headers={"content-type": content_type, **_NOT_CACHED})
