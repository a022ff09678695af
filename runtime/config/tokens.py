"""Bearer tokens: their characters, and where the server finds those that it accepts."""

import re
from collections.abc import Mapping
from typing import Final

from ..errors import Fault
from .headers import lines_of_file

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


def secret_of(
    table: str,
    key: str,
    variable: str | None,
    file: str | None,
    environment: Mapping[str, str],
    faults: list[Fault],
    *,
    rule: str = TOKEN_RULE,
) -> str | None:
    """Return a secret that the operator keeps in a variable or a file; None if in neither.

    Args:
        table: of runtime.toml, for the faults.
        key: of the setting, without `_variable` and `_file`.
        variable: the environment variable that has it.
        file: the file whose first line it is.
        environment: the environment variables.
        faults: receives what is wrong; no fault has the secret.
        rule: what a secret has to be, for a fault.
    """
    if variable is not None and file is not None:
        faults.append(Fault(table, f"has {key}_variable and {key}_file; keep one of them"))
        return None
    if variable is not None:
        place = f"{table}.{key}_variable {variable}"
        if variable not in environment:
            faults.append(Fault(place, "is not set in the environment"))
            return None
        secret = environment[variable].strip()
    elif file is not None:
        place, before = f"{table}.{key}_file {file}", len(faults)
        lines = lines_of_file(place, file, faults)
        if len(faults) > before:
            return None
        secret = lines[0].strip() if lines else ""
    else:
        return None
    if not is_token(secret):
        faults.append(Fault(place, rule))
        return None
    return secret


def is_token(text: str) -> bool:
    """Return whether a text can be a token: printable ASCII, no blanks, not empty.

    >>> is_token("s3cret"), is_token("two words"), is_token("")
    (True, False, False)
    """
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def read_tokens(listed: str, key: str, file: str | None, faults: list[Fault]) -> dict[str, str]:
    """Return the tokens of an environment variable and of a file, each with its label, or "".

    Args:
        listed: the value of the variable, separated by commas.
        key: of the setting that names the file.
        file: its name, or None.
        faults: receives what is wrong.
    """
    entries = {each.strip() for each in listed.split(",")}
    if file is not None:
        entries |= _tokens_of_file(key, file, faults)
    entries.discard("")
    tokens: dict[str, str] = {}
    for name, token in map(labelled_token, sorted(entries)):
        if not is_token(token):
            faults.append(Fault("auth tokens", TOKEN_RULE))
            break
        if name and tokens.get(token):
            faults.append(Fault("auth tokens", f"{tokens[token]} and {name} have the same token"))
        tokens[token] = name or tokens.get(token, "")
    return tokens


def _tokens_of_file(key: str, name: str, faults: list[Fault]) -> set[str]:
    lines = lines_of_file(f"{key} {name}", name, faults)
    return {line.strip() for line in lines if not line.lstrip().startswith("#")}
