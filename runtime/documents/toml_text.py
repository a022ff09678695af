"""Reads TOML text into a document, with the line of each table and key."""

import re
import tomllib
from typing import Any, Final

from ..errors import ConfigError, Fault
from .document import Document
from .parser_messages import toml_message

_PART: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY: Final = rf"{_PART}(?:\s*\.\s*{_PART})*"
_TABLE: Final = re.compile(rf"\s*\[\s*({_KEY})\s*\]")
_ITEM: Final = re.compile(rf"\s*\[\[\s*({_KEY})\s*\]\]")
_ENTRY: Final = re.compile(rf"\s*({_KEY})\s*=")
_PARTS: Final = re.compile(_PART)
_AT: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def parse_toml(text: str, name: str = "") -> Document:
    """Read TOML text.

    tomllib gives values without places, so a scan of the lines finds the keys. A line inside a text
    of several lines may look like a key: then a message has a wrong line number.

    Raises:
        ConfigError: the text is not TOML.
    """
    try:
        value = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        # ValueError: a number of more digits than int() takes, or a date that does not exist.
        found = _AT.search(str(error))
        line = found[1] if found and found[1] else str(text.count("\n") + 1) if found else ""
        place = f"{name}:{line}" if line and name else name
        what = toml_message(_AT.sub("", str(error)))
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
