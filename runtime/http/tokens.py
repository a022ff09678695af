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
        return self.digest(token) is not None

    def digest(self, token: str) -> bytes | None:
        """Return the SHA-256 digest of a token; None if it is none of these."""
        digest = _digest(token)
        found = sum(hmac.compare_digest(digest, each) for each in self._digests)
        return digest if found else None

    def signature(self, token: str, text: str) -> str:
        """Return a signature of a text with a token, as hexadecimal digits."""
        return _signature(_digest(token), text)

    def signer(self, text: str, signature: str) -> bytes | None:
        """Return the digest of the token that has signed this text; None if none has."""
        given = signature.encode()
        found = [
            digest
            for digest in self._digests
            if hmac.compare_digest(given, _signature(digest, text).encode())
        ]
        return found[0] if found else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()


def _signature(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()
