"""Bearer tokens of clients and of the operator."""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

from grpclib.const import Status

from ..config import ServerAccess
from ..wire import HEALTH_SERVICE, OPERATIONS_SERVICE, ORCA_SERVICE, token_of
from ..wire.grpclib_adapter import CallRequest, RefusedCallError

_WITHOUT_TOKEN: Final = (f"/{HEALTH_SERVICE}/", f"/{ORCA_SERVICE}/")
_OPERATIONS: Final = f"/{OPERATIONS_SERVICE}/"


class Authentication:
    """Refuses calls without a valid token.

    Health checks need no token, and neither do load reports: clients ask for both beside their
    calls, without what belongs to a call.
    """

    def __init__(self, access: ServerAccess) -> None:
        # Digests of equal length: the time of a comparison does not depend on a token's length.
        self._require_auth = access.require_auth
        self._clients = _digests(access.tokens)
        self._operators = _digests(access.admin_tokens)
        self._names = {_digest(token): name for token, name in access.token_names.items()}

    def check(self, request: CallRequest) -> None:
        """Check the token of a call.

        Raises:
            RefusedCallError: UNAUTHENTICATED, or UNIMPLEMENTED for an operation that is off.
        """
        if request.path.startswith(_OPERATIONS):
            if not self._operators:
                raise RefusedCallError(
                    Status.UNIMPLEMENTED,
                    "operations are off: the operator has set no server.admin_tokens_file",
                )
            _check_token(request.authorization, self._operators)
        elif self._require_auth and not request.path.startswith(_WITHOUT_TOKEN):
            _check_token(request.authorization, (*self._clients, *self._operators))

    def token_name(self, authorization: str | None) -> str:
        """Return the operator's label of a call's token; empty if it has none."""
        digest = token_digest(authorization)
        return "" if digest is None else self._names.get(digest, "")

    def may_attach(self, owner: bytes | None, authorization: str | None) -> bool:
        """Return whether a call may attach to a session that another call opened.

        Args:
            owner: the digest of the token of the call that opened it; None if it had none.
            authorization: the header of the call that attaches.
        """
        if not self._require_auth:
            return True
        digest = token_digest(authorization)
        return digest is not None and (digest == owner or _is_among(digest, self._operators))


def token_digest(authorization: str | None) -> bytes | None:
    """Return the digest of a call's token; None if it has none."""
    token = None if authorization is None else token_of(authorization)
    return None if token is None else _digest(token)


def _check_token(authorization: str | None, digests: tuple[bytes, ...]) -> None:
    if authorization is None:
        raise RefusedCallError(
            Status.UNAUTHENTICATED, 'no token; send the metadata "authorization: Bearer <token>"'
        )
    digest = token_digest(authorization)
    if digest is None:
        raise RefusedCallError(Status.UNAUTHENTICATED, 'authorization must be "Bearer <token>"')
    if not _is_among(digest, digests):
        raise RefusedCallError(Status.UNAUTHENTICATED, "this token is not known here")


def _is_among(digest: bytes, known: tuple[bytes, ...]) -> bool:
    # All are compared, so that the time does not depend on which one matches.
    return sum(hmac.compare_digest(digest, each) for each in known) > 0


def _digests(tokens: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(map(_digest, tokens))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
