"""The token of the HTTP port: without it, only health answers."""

from typing import Final

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .tokens import Tokens

OPEN_PATHS: Final = frozenset({"/livez", "/readyz"})
"""What needs no token. Every other path does, whether there is anything or not."""

_SCHEME: Final = "bearer "
_MISSING: Final = 'no token, or not a known one; send the header "Authorization: Bearer <token>"\n'
_OFF: Final = "off: the operator has set no http.tokens_file and no MILLRACE_HTTP_TOKENS\n"
_POLICY_VIOLATION: Final = 1008


class TokenCheck:
    """Lets requests and WebSockets pass to the application that have a known token.

    Args:
        application: receives what passes.
        tokens: without any, nothing passes but what `OPEN_PATHS` names.
    """

    def __init__(self, application: ASGIApp, tokens: Tokens) -> None:
        self._application = application
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        is_open = scope["type"] == "http" and scope["path"] in OPEN_PATHS
        if is_open or self._is_known(Headers(scope=scope).get("authorization", "")):
            await self._application(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()  # the client's wish to connect
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        else:
            await self._refusal()(scope, receive, send)

    def _refusal(self) -> PlainTextResponse:
        if not self._tokens:
            return PlainTextResponse(_OFF, status_code=403)
        return PlainTextResponse(
            _MISSING, status_code=401, headers={"www-authenticate": 'Bearer realm="millrace"'}
        )

    def _is_known(self, authorization: str) -> bool:
        if not authorization.lower().startswith(_SCHEME):
            return False
        return self._tokens.has(authorization[len(_SCHEME) :].strip())
