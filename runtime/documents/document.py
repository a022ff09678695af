"""A parsed document: its value, and the line of every part."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..errors import Fault

Path = tuple[str | int, ...]
"""The keys and indices from the root of a document to one of its values."""

Lines = Mapping[int, Mapping[str | int, int]]
"""For the `id` of each container of a document, the line of each key or item.

By identity, not by path: an aliased part of a YAML document has one entry and many paths.
"""

_NO_LINES: Final[Lines] = {}


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault with its path, not yet with its line."""

    path: Path
    message: str


@dataclass(frozen=True, slots=True)
class Document:
    """The content of a text.

    Attributes:
        value: of dict, list, str, int, float, bool and None only.
        name: the name of the file; empty if the value did not come from a file.
        lines: as far as they are known.
        faults: found while reading, such as a key that is there twice.
    """

    value: object
    name: str = ""
    lines: Lines = field(default_factory=lambda: _NO_LINES, repr=False, compare=False)
    faults: tuple[Fault, ...] = ()

    def line(self, path: Path) -> int | None:
        """Return the line of the value at `path`, or of its innermost part that exists."""
        value, line = self.value, None
        for step in path:
            line = self.lines.get(id(value), {}).get(step, line)
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
                value = value[step]
            else:
                break
        return line

    def place(self, path: Path) -> str:
        """Return "name:line" for `path`, as far as these are known."""
        line = self.line(path)
        if line is None:
            return self.name
        return f"{self.name}:{line}" if self.name else f"line {line}"

    def where(self, path: Path) -> str:
        """Return the place of `path` and its keys.

        >>> Document({}, "runtime.toml").where(("limits", "max_sessions"))
        'runtime.toml: limits.max_sessions'
        """
        return ": ".join(part for part in (self.place(path), dotted(path)) if part)


def dotted(path: Path) -> str:
    """Return `path` in the usual notation.

    >>> dotted(("nodes", 3, "params"))
    'nodes[3].params'
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    # A client chooses its keys: a line break in one must not break the message.
    return text if text.isprintable() else repr(text)
