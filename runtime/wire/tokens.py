"""Bearer tokens: how a call carries one."""

from typing import Final

AUTHORIZATION: Final = "authorization"
"""The metadata key that carries the token."""

_SCHEME: Final = "bearer "


def authorization_value(token: str) -> str:
    """Return the value of the authorization header for a token.

    >>> authorization_value("s3cret")
    'Bearer s3cret'
    """
    return f"Bearer {token}"


def token_of(authorization: str) -> str | None:
    """Return the token of an authorization header; None if its scheme is not Bearer.

    RFC 9110 compares the scheme without regard to case.

    >>> token_of("bearer s3cret"), token_of("Basic abc")
    ('s3cret', None)
    """
    if not authorization.lower().startswith(_SCHEME):
        return None
    return authorization[len(_SCHEME) :].strip()
