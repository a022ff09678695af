"""TOML text to a document, with the line of each table and key."""

import re
import tomllib
from typing import Any, Final

from ..errors import ConfigError, Fault
from .document import Document

_PART: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY: Final = rf"{_PART}(?:\s*\.\s*{_PART})*"
_TABLE: Final = re.compile(rf"\s*\[\s*({_KEY})\s*\]")
_ITEM: Final = re.compile(rf"\s*\[\[\s*({_KEY})\s*\]\]")
_ENTRY: Final = re.compile(rf"\s*({_KEY})\s*=")
_PARTS: Final = re.compile(_PART)


def parse_toml(text: str, name: str = "") -> Document:
    """Read TOML text.

    tomllib says no places, so a look at each line finds the keys. What a line inside a text of
    several lines looks like may mislead it: then a message names a wrong line, no more.

    Raises:
        ConfigError: the text is not TOML.
    """
    try:
        value = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        # ValueError: a number of more digits than int() takes, or a date that does not exist.
        found = re.search(r"\(at line (\d+), column \d+\)$", str(error))
        place = f"{name}:{found[1]}" if found and name else name
        what = str(error) if not found else str(error)[: found.start()].strip()
        raise ConfigError([Fault(place, f"is not TOML: {what}")]) from error
    return Document(value, name, _lines_of(value, text))


def _lines_of(root: dict[str, object], text: str) -> dict[int, dict[str | int, int]]:
    lines: dict[int, dict[str | int, int]] = {}
    counts: dict[tuple[str, ...], int] = {}
    table: list[str | int] = []
    for number, line in enumerate(text.splitlines(), 1):
        if found := _ITEM.match(line):
            keys = _split(found[1])
            index = counts.get(tuple(keys), 0)
            counts[tuple(keys)] = index + 1
            table = [*keys, index]
            _note(lines, root, table, number)
        elif found := _TABLE.match(line):
            table = [*_split(found[1])]
            _note(lines, root, table, number)
        elif found := _ENTRY.match(line):
            _note(lines, root, [*table, *_split(found[1])], number)
    return lines


def _note(
    lines: dict[int, dict[str | int, int]], value: Any, path: list[str | int], number: int
) -> None:
    for step in path:
        lines.setdefault(id(value), {}).setdefault(step, number)
        try:
            value = value[step]
        except (LookupError, TypeError):
            return


def _split(key: str) -> list[str]:
    parts: list[str] = []
    for part in _PARTS.findall(key):
        quoted = part[:1] in "\"'"
        parts.append(part[1:-1] if quoted else part)
    return parts
