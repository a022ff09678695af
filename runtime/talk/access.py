"""Who may talk: every client of the gRPC port, from a page of this port or a named site."""

import base64
import binascii
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection

from ..http import Tokens
from ..http.pages import SignIn, is_same_origin

PROTOCOL: Final = "millrace.talk.v1"
"""The subprotocol of the WebSocket."""

_TOKEN_PREFIX: Final = "bearer."  # noqa: S105 (no secret)
_SCHEME: Final = "bearer "
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who may talk.

    Attributes:
        owner: the digest of the token; None for none.
        token_name: the operator's label of it.
    """

    owner: bytes | None = None
    token_name: str = ""


class Access:
    """Decides who may talk.

    Args:
        tokens: of clients and of the operator.
        names: the operator's labels, by digest.
        requires_token: whether a token is needed.
        origins: of other sites, whose pages send a token.
    """

    def __init__(
        self,
        tokens: Tokens,
        names: Mapping[bytes, str],
        *,
        requires_token: bool,
        origins: Collection[str],
    ) -> None:
        self.tokens = tokens
        self.requires_token = requires_token
        self.sign_in = SignIn(tokens, name="talk", path="/talk/")
        self._names = names
        self._origins = frozenset(origins)

    def reader(self, request: HTTPConnection) -> Visitor | None:
        """Return who asks for a page; None for somebody who must sign in."""
        if not self.requires_token:
            return Visitor() if _is_loopback(request) else None
        return self._visitor(self.sign_in.token_digest(request))

    def speaker(self, request: HTTPConnection) -> Visitor | None:
        """Return who opens a WebSocket; None for somebody who may not.

        A page of another site can open a WebSocket to any address, and the browser sends the
        cookies of that address with it. So a cookie counts for pages of this port only.
        """
        origin = request.headers.get("origin")
        is_own = is_same_origin(request)
        if origin is not None and not is_own and origin not in self._origins:
            return None
        token = _token(request)
        if token is not None:
            return self._visitor(self.tokens.digest(token))
        if is_own or not self.requires_token:
            return self.reader(request)
        return None

    def _visitor(self, digest: bytes | None) -> Visitor | None:
        return None if digest is None else Visitor(digest, self._names.get(digest, ""))


def _is_loopback(request: HTTPConnection) -> bool:
    """Return whether a browser was sent to this machine by its own name.

    Any name can be made to lead here: a page of that name would be a page of this port.
    """
    host = request.headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return name in _LOOPBACK


def _token(request: HTTPConnection) -> str | None:
    """Return the token of a header, or of a subprotocol, which is all that a browser can set."""
    authorization = request.headers.get("authorization", "")
    if authorization.lower().startswith(_SCHEME):
        return authorization[len(_SCHEME) :].strip()
    for each in request.scope.get("subprotocols", ()):
        if each.startswith(_TOKEN_PREFIX):
            return _decoded(each[len(_TOKEN_PREFIX) :])
    return None


def _decoded(text: str) -> str:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return ""
    return raw.decode("utf-8", "replace")
