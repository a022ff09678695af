"""Bearer tokens: their characters, and where the server finds those that it accepts."""

from pathlib import Path
from typing import Final

from ..errors import Fault

TOKEN_RULE: Final = "a token must be ASCII text without blanks, and not empty"  # noqa: S105 (no secret)
"""What `is_token` requires, for error messages."""


def is_token(text: str) -> bool:
    """Return whether a text can be a token: printable ASCII, no blanks, not empty.

    >>> is_token("s3cret"), is_token("two words"), is_token("")
    (True, False, False)
    """
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def read_tokens(listed: str, key: str, file: str | None, faults: list[Fault]) -> set[str]:
    """Return the tokens of an environment variable and of a file, and add what is wrong.

    Args:
        listed: the value of the variable, separated by commas.
        key: of the setting that names the file.
        file: its name, or None.
        faults: receives what is wrong.
    """
    tokens = {each.strip() for each in listed.split(",")}
    if file is not None:
        tokens |= _tokens_of_file(key, file, faults)
    tokens.discard("")
    if not all(map(is_token, tokens)):
        faults.append(Fault("auth tokens", TOKEN_RULE))
    return tokens


def _tokens_of_file(key: str, name: str, faults: list[Fault]) -> set[str]:
    try:
        lines = Path(name).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        faults.append(Fault(f"{key} {name}", f"cannot be read: {reason}"))
        return set()
    return {line.strip() for line in lines if not line.lstrip().startswith("#")}
