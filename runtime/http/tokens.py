"""The tokens of the HTTP port, compared in constant time."""

import hashlib
import hmac
from collections.abc import Iterable


class Tokens:
    """Knows the tokens by their digests.

    Digests have one length: the time of a comparison does not depend on a token's length. All are
    compared, so that the time does not depend on which one matches.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self._digests = tuple(map(_digest, tokens))

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self._digests)

    def has(self, token: str) -> bool:
        """Return whether this is one of the tokens."""
        digest = _digest(token)
        return sum(hmac.compare_digest(digest, each) for each in self._digests) > 0

    def signature(self, token: str, text: str) -> str:
        """Return a signature of a text with a token, as hexadecimal digits."""
        return _signature(_digest(token), text)

    def has_signed(self, text: str, signature: str) -> bool:
        """Return whether one of the tokens has signed this text."""
        given = signature.encode()
        signatures = (_signature(digest, text).encode() for digest in self._digests)
        return sum(hmac.compare_digest(given, each) for each in signatures) > 0


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()


def _signature(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()
