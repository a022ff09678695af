"""Bearer tokens."""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

from grpclib import GRPCError
from grpclib.const import Status
from grpclib.events import RecvRequest

from ..wire import AUTHORIZATION, HEALTH_SERVICE, token_of

_HEALTH: Final = f"/{HEALTH_SERVICE}/"


class Authentication:
    """Refuses calls without one of the operator's tokens; those for health need none."""

    def __init__(self, tokens: Iterable[str]) -> None:
        # Digests of one length, so that comparing them tells nothing of a token's own length.
        self._digests = tuple(_digest(token) for token in tokens)

    async def check(self, event: RecvRequest) -> None:
        """Let a call pass, or end it: a listener for grpclib's RecvRequest.

        Raises:
            GRPCError: UNAUTHENTICATED.
        """
        if event.method_name.startswith(_HEALTH):
            return
        said = event.metadata.get(AUTHORIZATION)
        if said is None:
            raise GRPCError(
                Status.UNAUTHENTICATED,
                'no token; send the metadata "authorization: Bearer <token>"',
            )
        token = token_of(said) if isinstance(said, str) else None
        if token is None:
            raise GRPCError(Status.UNAUTHENTICATED, 'authorization must be "Bearer <token>"')
        if not self._is_known(token):
            raise GRPCError(Status.UNAUTHENTICATED, "this token is not known here")

    def _is_known(self, token: str) -> bool:
        digest = _digest(token)
        # All of them, whichever fits: the time it takes tells nothing.
        return sum(hmac.compare_digest(digest, known) for known in self._digests) > 0


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
