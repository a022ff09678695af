"""Who may use the console: a person signs in with a token of the port, and gets a cookie.

The cookie holds no token: it is a time and a signature of it with the token. It ends at that time,
and as soon as the token is no longer accepted.
"""

import time
from contextlib import aclosing
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from ..http import Tokens

_SECONDS: Final = 12 * 3600
_MOST_FORM_BYTES: Final = 8192


class Access:
    """Checks and gives cookies.

    Args:
        tokens: of the port.
    """

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens

    def is_signed_in(self, request: HTTPConnection) -> bool:
        """Return whether a request has a cookie that is valid."""
        expiry, _, signature = request.cookies.get(_cookie_name(request), "").partition(".")
        if not (expiry.isascii() and expiry.isdigit() and len(expiry) < 16):
            return False
        return self.tokens.has_signed(_signed(expiry), signature) and int(expiry) > time.time()

    def sign_in(self, request: Request, response: Response, token: str) -> None:
        """Set the cookie of a person who has given a token that `tokens` has."""
        expiry = str(round(time.time()) + _SECONDS)
        self._set(request, response, f"{expiry}.{self.tokens.signature(token, _signed(expiry))}")

    def sign_out(self, request: Request, response: Response) -> None:
        """Remove the cookie."""
        self._set(request, response, "", max_age=0)

    def _set(
        self, request: Request, response: Response, value: str, *, max_age: int = _SECONDS
    ) -> None:
        response.set_cookie(
            _cookie_name(request),
            value,
            max_age=max_age,
            path="/console/",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )


def is_same_origin(request: HTTPConnection) -> bool:
    """Return whether a page of this console has sent a request: its Origin is the Host."""
    origin = urlsplit(request.headers.get("origin", ""))
    host = request.headers.get("host", "")
    return bool(host) and origin.scheme in ("http", "https") and origin.netloc == host


async def form_value(request: Request, name: str) -> str:
    """Return a value of a form; "" if there is none, or the form is too long."""
    body = b""
    async with aclosing(request.stream()) as parts:
        async for part in parts:
            body += part
            if len(body) > _MOST_FORM_BYTES:
                return ""
    values = parse_qs(body.decode("ascii", "replace")).get(name, [""])
    return values[0].strip()


def _signed(expiry: str) -> str:
    return f"millrace console until {expiry}"


def _cookie_name(request: HTTPConnection) -> str:
    """Return the name of the cookie: browsers do not separate the ports of a machine."""
    server = request.scope.get("server")
    return f"millrace-console-{server[1] if server else 0}"
