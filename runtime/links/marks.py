"""Marks: items that say how far a stream has come, and that no actor sees."""

from typing import Final

from actors import Control, Data

_KEY: Final = "millrace.mark"


def mark(name: str) -> Control:
    """Return a mark. Every node passes it on when it is done with all that came before."""
    return Control(None, metadata={_KEY: name})


def name_of_mark(data: Data) -> str | None:
    """Return a mark's name; None for any other item."""
    return data.metadata.get(_KEY) if isinstance(data, Control) else None
