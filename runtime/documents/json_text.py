"""Reads JSON text into a document, with the line of each key and item.

The parser of the standard library gives values without lines, and accepts NaN and repeated keys.
This parser follows RFC 8259 strictly.
"""

import json
import re
from bisect import bisect_right
from typing import Final

from ..errors import Fault, ManifestError
from .bounds import DEEPEST_NESTING, LONGEST_NUMBER, MOST_VALUES
from .document import Document
from .text import is_unicode, shown_character

_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WRONG_ESCAPE: Final = re.compile(r'(?<!\\)(?:\\\\)*(\\u.{0,4}|\\[^"\\/bfnrtu])')
_WORD: Final = re.compile(r"[-+A-Za-z0-9_.]+")
_NAMES: Final[dict[str, object]] = {"true": True, "false": False, "null": None}


def parse_json(text: str, name: str = "") -> Document:
    """Read JSON text.

    Raises:
        ManifestError: the text is not JSON, or nested too deeply; the fault names the line. A
            repeated key is not raised; it is one of the document's faults.
    """
    return _Parser(text, name).parse()


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[int, dict[str | int, int]] = {}
        self._faults: list[Fault] = []
        self._values = 0
        self._at = 0

    def parse(self) -> Document:
        if not self._peek():
            raise ManifestError([Fault(self._name, "is empty; expected a JSON object")])
        value = self._value(0)
        if self._peek():
            raise self._fault(f"expected the end of the text, got {self._next_shown()}")
        return Document(value, self._name, self._lines, tuple(self._faults))

    def _value(self, depth: int) -> object:
        if depth > DEEPEST_NESTING:
            raise self._fault(f"nested more than {DEEPEST_NESTING} levels deep")
        self._values += 1
        if self._values > MOST_VALUES:
            raise self._fault(f"more than {MOST_VALUES} values")
        first = self._peek()
        if first == "{":
            return self._object(depth)
        if first == "[":
            return self._list(depth)
        if first == '"':
            return self._string()
        return self._number_or_name()

    def _object(self, depth: int) -> dict[str, object]:
        result: dict[str, object] = {}
        lines = self._lines[id(result)] = {}
        self._at += 1
        if self._peek() == "}":
            self._at += 1
            return result
        while True:
            if self._peek() != '"':
                raise self._fault(f"expected a key in double quotes, got {self._next_shown()}")
            line = self._line()
            key = self._string()
            if self._peek() != ":":
                raise self._fault(f'expected ":" after the key, got {self._next_shown()}')
            self._at += 1
            value = self._value(depth + 1)
            if key in result:
                self._faults.append(Fault(self._place(line), _twice(key, lines[key])))
            else:
                result[key] = value
                lines[key] = line
            if not self._another("}"):
                return result

    def _list(self, depth: int) -> list[object]:
        result: list[object] = []
        lines = self._lines[id(result)] = {}
        self._at += 1
        if self._peek() == "]":
            self._at += 1
            return result
        while True:
            self._peek()
            lines[len(result)] = self._line()
            result.append(self._value(depth + 1))
            if not self._another("]"):
                return result

    def _another(self, end: str) -> bool:
        """Skip "," and return True, or skip `end` and return False."""
        found = self._peek()
        if found not in (",", end) or not found:
            raise self._fault(f'expected "," or "{end}", got {self._next_shown()}')
        self._at += 1
        return found == ","

    def _string(self) -> str:
        token = _STRING.match(self._text, self._at)
        if token is None:
            raise self._fault("text without its closing double quote, or with a raw line break")
        try:
            value: str = json.loads(token[0])
        except ValueError as error:
            escape = _WRONG_ESCAPE.search(token[0])
            shown = escape[0] if escape is not None else "a character"
            raise self._fault(
                f"{shown} is no escape of JSON; write \\\\ for a backslash"
            ) from error
        if not is_unicode(value):
            raise self._fault("text with half of a surrogate pair, which UTF-8 cannot carry")
        self._at = token.end()
        return value

    def _number_or_name(self) -> object:
        word = _WORD.match(self._text, self._at)
        if word is None:
            raise self._fault(f"expected a value, got {self._next_shown()}")
        if word[0] in _NAMES:
            self._at = word.end()
            return _NAMES[word[0]]
        number = _NUMBER.fullmatch(word[0])
        if number is None:
            raise self._fault(f"expected a value, got {word[0][:40]}, which is not JSON")
        if len(word[0]) > LONGEST_NUMBER:
            raise self._fault(f"a number of {len(word[0])} characters; at most {LONGEST_NUMBER}")
        self._at = word.end()
        if number[1] is None and number[2] is None:
            return int(word[0])
        value = float(word[0])
        if value in (float("inf"), float("-inf")):
            raise self._fault(f"the number {word[0][:40]} is too large")
        return value

    def _peek(self) -> str:
        """Skip blanks, and return the next character; empty at the end of the text."""
        blanks = _BLANKS.match(self._text, self._at)
        assert blanks is not None
        self._at = blanks.end()
        return self._text[self._at : self._at + 1]

    def _line(self) -> int:
        return bisect_right(self._newlines, self._at - 1) + 1

    def _place(self, line: int) -> str:
        return f"{self._name}:{line}" if self._name else f"line {line}"

    def _next_shown(self) -> str:
        return shown_character(self._text[self._at : self._at + 1])

    def _fault(self, message: str) -> ManifestError:
        return ManifestError([Fault(self._place(self._line()), message)])


def _twice(key: str, line: int) -> str:
    return f"the key {json.dumps(key[:60])} is there twice, first on line {line}; keep one"
