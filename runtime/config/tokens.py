"""The characters of bearer tokens, for the server that accepts and the client that sends them."""

import re
from typing import Final

TOKEN_RULE: Final = "a token must be ASCII text without blanks, and not empty"  # noqa: S105 (no secret)
"""What `is_token` requires, for error messages."""


# A token has no blanks, so this is no token.
_LABELLED: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.@-]{0,63}):[ \t]+(.*)")


def labelled_token(text: str) -> tuple[str, str]:
    """Return the label of a token, or "", and the token.

    >>> labelled_token("alice: s3cret"), labelled_token("s3cret")
    (('alice', 's3cret'), ('', 's3cret'))
    """
    found = _LABELLED.fullmatch(text)
    return ("", text) if found is None else (found[1], found[2])


def is_token(text: str) -> bool:
    """Return whether a text can be a token: printable ASCII, no blanks, not empty.

    >>> is_token("s3cret"), is_token("two words"), is_token("")
    (True, False, False)
    """
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
