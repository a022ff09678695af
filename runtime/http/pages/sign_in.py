"""Who has signed in: a person gives a token in a form, and gets a cookie.

The cookie holds no token: it is a time and a signature of it with the token. It ends at that time,
and as soon as the token is no longer accepted.
"""

import time
from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from ..tokens import Tokens

_SECONDS: Final = 12 * 3600


class SignIn:
    """Checks and gives cookies.

    Args:
        tokens: one of which a person signs in with.
        name: of what the cookie is for; no other page accepts it.
        path: the folder that the cookie is for, such as "/console/".
    """

    def __init__(self, tokens: Tokens, *, name: str, path: str) -> None:
        self.tokens = tokens
        self._name = name
        self._path = path

    def is_signed_in(self, request: HTTPConnection) -> bool:
        """Return whether a request has a cookie that is valid."""
        return self.token_digest(request) is not None

    def token_digest(self, request: HTTPConnection) -> bytes | None:
        """Return the digest of the token that a person signed in with; None if nobody has."""
        expiry, _, signature = request.cookies.get(self._cookie(request), "").partition(".")
        if not (expiry.isascii() and expiry.isdigit() and len(expiry) < 16):
            return None
        digest = self.tokens.signer(self._signed(expiry), signature)
        return digest if int(expiry) > time.time() else None

    def sign_in(self, request: Request, response: Response, token: str) -> None:
        """Set the cookie of a person who has given a token that `tokens` has."""
        expiry = str(round(time.time()) + _SECONDS)
        signature = self.tokens.signature(token, self._signed(expiry))
        self._set(request, response, f"{expiry}.{signature}")

    def sign_out(self, request: Request, response: Response) -> None:
        """Remove the cookie."""
        self._set(request, response, "", max_age=0)

    def _set(
        self, request: Request, response: Response, value: str, *, max_age: int = _SECONDS
    ) -> None:
        response.set_cookie(
            self._cookie(request),
            value,
            max_age=max_age,
            path=self._path,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )

    def _signed(self, expiry: str) -> str:
        return f"millrace {self._name} until {expiry}"

    def _cookie(self, request: HTTPConnection) -> str:
        """Return the name of the cookie: browsers do not separate the ports of a machine."""
        server = request.scope.get("server")
        return f"millrace-{self._name}-{server[1] if server else 0}"
