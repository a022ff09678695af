"""How far each node is from the end of the session."""

from collections.abc import Mapping, Sequence
from typing import Final

_OUTLET: Final = ""


def steps_to_outlet(successors: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return for each node how many links lie between it and the session's outlet, at most."""
    found: dict[str, int] = {_OUTLET: 0}
    unfinished = list(successors)
    while unfinished:
        node = unfinished[-1]
        missing = [reader for reader in successors[node] if reader not in found]
        if missing:
            unfinished += missing
        else:
            found[node] = 1 + max((found[reader] for reader in successors[node]), default=0)
            unfinished.pop()
    return found
