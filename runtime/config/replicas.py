"""Replicas: servers that stand in for each other, and the ids of their sessions."""

import os
import re
import secrets
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from ..documents import ACCEPTED

_FORM: Final = "1 to 63 letters, digits, dots, - or _, of which the first is a letter or a digit"
_REPLICA: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_SESSION: Final = re.compile(rf"({_REPLICA})-[0-9]{{1,19}}-[0-9a-f]{{16}}")


def _checked(text: str) -> str:
    if not re.fullmatch(_REPLICA, text):
        raise ValueError(f"expected {_FORM}")
    return text


ReplicaId = Annotated[str, Field(json_schema_extra={ACCEPTED: _FORM}), AfterValidator(_checked)]


def random_replica_id() -> str:
    """Return an id that no other process has: its process id, for people, and random digits."""
    return f"{os.getpid():x}-{secrets.token_hex(4)}"


def new_session_id(replica_id: str, number: int) -> str:
    """Return the id of a new session, which nobody can guess.

    Args:
        replica_id: of the server.
        number: of the session there.
    """
    return f"{replica_id}-{number}-{secrets.token_hex(8)}"


def replica_of(session_id: str) -> str | None:
    """Return the id of the replica that a session id names; None if it is no such id.

    >>> replica_of("voice-2-7-0123456789abcdef")
    'voice-2'
    """
    found = _SESSION.fullmatch(session_id)
    return None if found is None else found[1]
