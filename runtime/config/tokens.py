"""The characters of bearer tokens, for the server that accepts and the client that sends them."""

from typing import Final

TOKEN_RULE: Final = "a token must be ASCII text without blanks, and not empty"  # noqa: S105 (no secret)
"""What `is_token` requires, for error messages."""


def is_token(text: str) -> bool:
    """Return whether a text can be a token: printable ASCII, no blanks, not empty.

    >>> is_token("s3cret"), is_token("two words"), is_token("")
    (True, False, False)
    """
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
