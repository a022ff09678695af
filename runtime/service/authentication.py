"""Bearer tokens of clients and of the operator."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

from grpclib import GRPCError
from grpclib.const import Status
from grpclib.events import RecvRequest

from ..config import ServerAccess
from ..wire import AUTHORIZATION, HEALTH_SERVICE, OPERATIONS_SERVICE, token_of

_HEALTH: Final = f"/{HEALTH_SERVICE}/"
_OPERATIONS: Final = f"/{OPERATIONS_SERVICE}/"


class Authentication:
    """Refuses calls without a token that they need; those for health need none."""

    def __init__(self, access: ServerAccess) -> None:
        # Digests of one length, so that comparing them tells nothing of a token's own length.
        self._require_auth = access.require_auth
        self._clients = _digests(access.tokens)
        self._operators = _digests(access.admin_tokens)

    async def check(self, event: RecvRequest) -> None:
        """Accept a call, or end it: a listener for grpclib's RecvRequest.

        Raises:
            GRPCError: UNAUTHENTICATED, or UNIMPLEMENTED for an operation that is off.
        """
        method = event.method_name
        if method.startswith(_OPERATIONS):
            if not self._operators:
                raise GRPCError(
                    Status.UNIMPLEMENTED,
                    "operations are off: the operator has set no server.admin_tokens_file",
                )
            self._check_token(event.metadata, self._operators)
        elif self._require_auth and not method.startswith(_HEALTH):
            self._check_token(event.metadata, (*self._clients, *self._operators))

    def may_attach(self, owner: bytes | None, metadata: Mapping[str, str | bytes]) -> bool:
        """Return whether a call may attach to a session that another call opened.

        Args:
            owner: the digest of the token of the call that opened it; None if it had none.
            metadata: of the call that attaches.
        """
        if not self._require_auth:
            return True
        digest = token_digest(metadata)
        return digest is not None and (digest == owner or _is_among(digest, self._operators))

    def _check_token(self, metadata: Mapping[str, str | bytes], digests: tuple[bytes, ...]) -> None:
        value = metadata.get(AUTHORIZATION)
        if value is None:
            raise GRPCError(
                Status.UNAUTHENTICATED,
                'no token; send the metadata "authorization: Bearer <token>"',
            )
        digest = token_digest(metadata)
        if digest is None:
            raise GRPCError(Status.UNAUTHENTICATED, 'authorization must be "Bearer <token>"')
        if not _is_among(digest, digests):
            raise GRPCError(Status.UNAUTHENTICATED, "this token is not known here")


def token_digest(metadata: Mapping[str, str | bytes]) -> bytes | None:
    """Return the digest of a call's token; None if it has none."""
    value = metadata.get(AUTHORIZATION)
    token = token_of(value) if isinstance(value, str) else None
    return None if token is None else _digest(token)


def _is_among(digest: bytes, known: tuple[bytes, ...]) -> bool:
    # All of them are compared, so that the time it takes tells nothing.
    return sum(hmac.compare_digest(digest, each) for each in known) > 0


def _digests(tokens: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(map(_digest, tokens))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
