"""The application of the page: its files, who gets them, and the WebSockets of conversations."""

import logging
from typing import Final

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from ..http.pages import Assets, PageHeaders, SignInPage, form_value, is_same_origin
from .access import Access
from .conversation import Conversation
from .state import TalkState

# What the page for signing in needs; it is the same for everybody.
_OPEN_FILES: Final = frozenset({"talk.css", "icon.svg"})
# Anybody can open a WebSocket: a flood of them must not be a flood of log lines.
_LOG_SECONDS: Final = 1.0
_NOT_ADMITTED: Final = "no token that is known here, or a page of another site"
_ELSEWHERE: Final = "this request comes from a page of another site\n"
_OTHER_NAME: Final = (
    "without tokens, this page is served as localhost, 127.0.0.1 and [::1] only: open it by one of "
    "these names, or set GRPC_AUTH_TOKENS\n"
)

_log: Final = logging.getLogger("millrace.talk")


def application(state: TalkState, access: Access) -> ASGIApp:
    """Return the application.

    Args:
        state: with the pipelines.
        access: decides who may talk.
    """
    return PageHeaders(_Pages(state, access).application(), microphone=True)


class _Pages:
    def __init__(self, state: TalkState, access: Access) -> None:
        self._state = state
        self._access = access
        self._assets = Assets("runtime.talk")
        self._sign_in_page = SignInPage(
            path="/talk/",
            stylesheet="talk.css",
            label="Token",
            hint="The one that you use over gRPC, or the one of the operator.",
        )
        self._quiet_until = -1.0
        self._unlogged = 0

    def application(self) -> ASGIApp:
        """Return the routes."""
        routes = [
            Route("/", self._to_page),
            Route("/talk", self._to_page),
            Route("/talk/", self._page),
            Route("/talk/login", self._login_page, methods=["GET"]),
            Route("/talk/login", self._sign_in, methods=["POST"]),
            Route("/talk/logout", self._sign_out, methods=["POST"]),
            Route("/talk/pipelines", self._pipelines),
            Route("/talk/assets/{name}", self._asset),
            WebSocketRoute("/talk/stream", self._talk),
        ]
        return Starlette(routes=routes)

    async def _to_page(self, _request: Request) -> Response:
        return _redirect("/talk/")

    async def _page(self, request: Request) -> Response:
        if self._access.reader(request) is not None:
            return self._assets.response("index.html")
        return _redirect("/talk/login") if self._access.requires_token else _refusal(_OTHER_NAME)

    async def _login_page(self, request: Request) -> Response:
        if not self._access.requires_token or self._access.reader(request) is not None:
            return _redirect("/talk/")
        return self._sign_in_page.response()

    async def _sign_in(self, request: Request) -> Response:
        if not is_same_origin(request):
            return _refusal(_ELSEWHERE)
        token = await form_value(request, "token")
        if not self._access.tokens.has(token):
            return self._sign_in_page.failure()
        response = _redirect("/talk/")
        self._access.sign_in.sign_in(request, response, token)
        return response

    async def _sign_out(self, request: Request) -> Response:
        if not is_same_origin(request):
            return _refusal(_ELSEWHERE)
        response = _redirect("/talk/login")
        self._access.sign_in.sign_out(request, response)
        return response

    async def _pipelines(self, request: Request) -> Response:
        if self._access.reader(request) is None:
            return PlainTextResponse("sign in at /talk/login\n", status_code=401)
        listed = [
            {"name": each.name, "title": each.title, "description": each.description}
            for each in self._state.pipelines.values()
        ]
        signs_in = self._access.requires_token
        webrtc = self._state.settings.talk_webrtc
        return JSONResponse({"pipelines": listed, "signed_in": signs_in, "webrtc": webrtc})

    async def _asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _OPEN_FILES and self._access.reader(request) is None:
            return PlainTextResponse("sign in at /talk/login\n", status_code=401)
        return self._assets.response(name)

    async def _talk(self, socket: WebSocket) -> None:
        visitor = self._access.speaker(socket)
        if visitor is None:
            self._log_refused(socket.client.host if socket.client else "")
            await socket.close(code=1008)
            return
        with self._state.counted():
            await Conversation(self._state, socket, visitor).run()

    def _log_refused(self, peer: str) -> None:
        now = trio.current_time()
        if now < self._quiet_until:
            self._unlogged += 1
            return
        self._quiet_until = now + _LOG_SECONDS
        more = {"unlogged": self._unlogged} if self._unlogged else {}
        self._unlogged = 0
        _log.warning("conversation refused", extra={"peer": peer, "reason": _NOT_ADMITTED, **more})


def _redirect(path: str) -> Response:
    return Response(status_code=303, headers={"location": path})


def _refusal(text: str) -> Response:
    return PlainTextResponse(text, status_code=403)
