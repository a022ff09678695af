"""Suggests known names for an unknown one."""

import difflib
from collections.abc import Iterable
from typing import Final

# difflib compares letter by letter, so that long names and long lists would cost seconds.
_LONGEST: Final = 80
_MOST: Final = 1000
_SHORTEST_BEGINNING: Final = 3


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the most similar of the `known` names; None if none is similar.

    Capitals, underscores and hyphens make no difference. The beginning of one name only is similar.

    >>> nearest("chunkSize", ["chunk_size", "sample_rate"])
    'chunk_size'
    >>> nearest("Ech", ["EchoNode", "PassThrough"])
    'EchoNode'
    """
    if len(word) > _LONGEST:
        return None
    names = [name for name in known if len(name) <= _LONGEST][:_MOST]
    by_folded = {_folded(name): name for name in reversed(names)}
    found = difflib.get_close_matches(_folded(word), by_folded, n=1, cutoff=0.6)
    if not found and len(word) >= _SHORTEST_BEGINNING:
        begun = [name for name in by_folded if name.startswith(_folded(word))]
        found = begun if len(begun) == 1 else []
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], *, or_else: str = "known") -> str:
    """Return the end of a message about an unknown name: the nearest known name, or all names.

    >>> did_you_mean("nodez", ["nodes", "version"])
    'did you mean "nodes"?'
    >>> did_you_mean("qqq", ["nodes", "version"])
    'known: nodes, version'
    """
    names = list(known)
    found = nearest(word, names)
    if found is not None:
        return f'did you mean "{found}"?'
    if not names:
        return f"{or_else}: none"
    shown = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..." for name in names[:40]]
    return f"{or_else}: {', '.join(shown)}" + (" ..." if len(names) > len(shown) else "")


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
