"""The application of the console: its pages, its files, and who gets them."""

import json
from collections.abc import Awaitable, Callable
from typing import Final

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from ..http import Tokens
from ..http.pages import Assets, PageHeaders, SignIn, SignInPage, form_value, is_same_origin
from .live_connection import LiveConnections
from .recordings import recordings_of
from .state import ConsoleState

# What the page for signing in needs; it is the same for everybody.
_OPEN_FILES: Final = frozenset({"console.css", "icon.svg"})
_OFF: Final = "off: the operator has set no http.tokens_file and no MILLRACE_HTTP_TOKENS\n"
_ELSEWHERE: Final = "this request comes from a page of another site\n"

Answer = Callable[[Request], Awaitable[Response]]


def application(console: ConsoleState, tokens: Tokens) -> ASGIApp:
    """Return the application of a console.

    Args:
        console: what it shows.
        tokens: one of which a person signs in with.
    """
    access = SignIn(tokens, name="console", path="/console/")
    return PageHeaders(_Pages(console, access).application())


class _Pages:
    def __init__(self, console: ConsoleState, access: SignIn) -> None:
        self._console = console
        self._access = access
        self._live = LiveConnections(console)
        self._assets = Assets(__package__)
        self._sign_in_page = SignInPage(
            path="/console/",
            stylesheet="console.css",
            label="Token of the HTTP port",
            hint="One of <code>http.tokens_file</code> or <code>MILLRACE_HTTP_TOKENS</code>.",
        )

    def application(self) -> ASGIApp:
        """Return the routes."""
        routes = [
            Route("/", self._to_page),
            Route("/console", self._to_page),
            Route("/console/", self._page),
            Route("/console/login", self._login_page, methods=["GET"]),
            Route("/console/login", self._sign_in, methods=["POST"]),
            Route("/console/logout", self._sign_out, methods=["POST"]),
            Route("/console/assets/{name}", self._asset),
            Route("/console/recordings", self._signed_in(self._recordings)),
            Route("/console/recordings/{name}", self._signed_in(self._recording)),
            WebSocketRoute("/console/live", self._watch),
        ]
        return Starlette(routes=routes)

    async def _to_page(self, _request: Request) -> Response:
        return _redirect("/console/")

    async def _page(self, request: Request) -> Response:
        if not self._access.is_signed_in(request):
            return _redirect("/console/login")
        return self._assets.response("index.html")

    async def _login_page(self, request: Request) -> Response:
        if not self._access.tokens:
            return PlainTextResponse(_OFF, status_code=403)
        if self._access.is_signed_in(request):
            return _redirect("/console/")
        return self._sign_in_page.response()

    async def _sign_in(self, request: Request) -> Response:
        if not is_same_origin(request):
            return PlainTextResponse(_ELSEWHERE, status_code=403)
        token = await form_value(request, "token")
        if not self._access.tokens.has(token):
            return self._sign_in_page.failure()
        response = _redirect("/console/")
        self._access.sign_in(request, response, token)
        return response

    async def _sign_out(self, request: Request) -> Response:
        if not is_same_origin(request):
            return PlainTextResponse(_ELSEWHERE, status_code=403)
        response = _redirect("/console/login")
        self._access.sign_out(request, response)
        return response

    async def _asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _OPEN_FILES and not self._access.is_signed_in(request):
            return _refusal()
        return self._assets.response(name)

    async def _recordings(self, _request: Request) -> Response:
        folder = self._console.recordings
        found = await trio.to_thread.run_sync(recordings_of, folder)
        listed = [{"name": r.name, "bytes": r.size_bytes, "ended_ms": r.ended_ms} for r in found]
        content = {"is_on": folder is not None, "recordings": listed}
        return Response(json.dumps(content), media_type="application/json")

    async def _recording(self, request: Request) -> Response:
        # A name of the listing: nothing that a client sends is a path.
        for found in await trio.to_thread.run_sync(recordings_of, self._console.recordings):
            if found.name == request.path_params["name"]:
                return FileResponse(
                    found.path, media_type="application/octet-stream", filename=found.name
                )
        return JSONResponse({"error": "no such recording"}, status_code=404)

    async def _watch(self, socket: WebSocket) -> None:
        if is_same_origin(socket) and self._access.is_signed_in(socket):
            await self._live.run(socket)
        else:
            await socket.close(code=1008)

    def _signed_in(self, answer: Answer) -> Answer:
        async def check(request: Request) -> Response:
            return await answer(request) if self._access.is_signed_in(request) else _refusal()

        return check


def _redirect(path: str) -> Response:
    return Response(status_code=303, headers={"location": path})


def _refusal() -> Response:
    return PlainTextResponse("sign in at /console/login\n", status_code=401)
