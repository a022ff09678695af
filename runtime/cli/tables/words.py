"""Words that several tables use."""

from collections.abc import Iterable
from typing import Final

from rich.text import Text

from actors import ANY_KIND, Kind

_EXECUTOR_STYLES: Final = {"native": "blue", "multiprocess": "yellow"}


def executor_text(executor: str) -> Text:
    """Return an executor's name in its colour."""
    return Text(executor, _EXECUTOR_STYLES.get(executor, "green"))


def kinds_text(kinds: Iterable[Kind]) -> str:
    """Return the names of kinds, in the order of the contract; "any" for all.

    >>> kinds_text({Kind.TEXT, Kind.AUDIO})
    'audio, text'
    """
    given = frozenset(kinds)
    if given == ANY_KIND:
        return "any"
    return ", ".join(kind.value for kind in Kind if kind in given)
