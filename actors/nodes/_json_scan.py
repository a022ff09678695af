"""Finding the parts of a large JSON text without parsing all of it, with pauses.

Parsing 60 MiB of JSON at once takes seconds, in which nothing else of the process runs, not even
another thread. Here the text is scanned piece by piece, and only parts of a bounded length are
parsed. Parts that are skipped are checked for balanced brackets and closed strings only.
"""

import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple, NoReturn

from ..errors import DataError
from ._json_structure import structure_of
from ._slices import PAUSE, SLICE_CHARACTERS, Steps

# Possessive, so that no pattern backtracks or keeps places to return to.
_BLANK: Final = re.compile(r"[ \t\n\r]*+")
_SCALAR: Final = re.compile(r"[^\s,\]}]*+")
_STRING_PART: Final = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
# The same, but a pair of escapes that make one character is never cut.
_WHOLE_CHARACTERS: Final = re.compile(
    r'(?:[^"\\]++|\\u[dD][89aAbB]..\\u....|\\u(?![dD][89aAbB])....|\\[^u])*+', re.DOTALL
)

# Parsing a value of this length takes some milliseconds.
_MOST_VALUE: Final = 65_536


class Span(NamedTuple):
    """The place of a JSON value in the text."""

    begin: int
    end: int


class Member(NamedTuple):
    """A member of an object: its key, and the place of its value."""

    key: str
    value: Span


class JsonScanner:
    """Scans a JSON text.

    Attributes:
        end: where the list or object ended whose elements or members were yielded last.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.end = 0

    def blank(self, at: int) -> Steps[int]:
        """Return where the blanks at a place end."""
        return (yield from self._matched(_BLANK, at))

    def values(self, at: int) -> Iterator[tuple[object] | None]:
        """Yield the values of the list at a place, each in a tuple, and pauses.

        Raises:
            DataError: the text is not JSON, or a value has more than 65,536 characters.
        """
        at = yield from self.blank(at + 1)
        is_empty = self._is("]", at)
        self.end = at + 1
        window = _Window(self.text, at)
        while not is_empty:
            # Values are parsed within a window of the text, and one that does not fit is too long.
            value = window.value()
            if value is None:
                at = window.at
                yield PAUSE
                window = _Window(self.text, at)
                value = window.value()
            if value is None:
                self._refuse_value(at)
            yield value
            at = yield from self.blank(window.at)
            if self._is("]", at):
                self.end = at + 1
                return
            at = yield from self.blank(self._after(",", at))
            window.at = at

    def members(self, at: int) -> Iterator[Member | None]:
        """Yield the members of the object at a place, and pauses.

        Raises:
            DataError: the text is not JSON.
        """
        at = yield from self.blank(at + 1)
        is_empty = self._is("}", at)
        self.end = at + 1
        while not is_empty:
            key_end = yield from self._string_end(self._after('"', at))
            key = self.parsed(Span(at, key_end))
            begin = yield from self.blank(self._after(":", (yield from self.blank(key_end))))
            end = yield from self.value_end(begin)
            yield Member(str(key), Span(begin, end))
            at = yield from self.blank(end)
            if self._is("}", at):
                self.end = at + 1
                return
            at = yield from self.blank(self._after(",", at))

    def value_end(self, at: int) -> Steps[int]:
        """Return where the value at a place ends.

        Raises:
            DataError: there is none, or it has no end.
        """
        if self._is('"', at):
            return (yield from self._string_end(at + 1))
        if not self._is("[", at) and not self._is("{", at):
            end = yield from self._matched(_SCALAR, at)
            if end == at:
                self._refuse("a value", at)
            return end
        depth = 0
        while True:
            structure = structure_of(self.text[at : at + SLICE_CHARACTERS], depth)
            if structure.end is not None:
                return at + structure.end
            if not structure.length:
                self._refuse("the end of a list or an object", len(self.text))
            at += structure.length
            depth = structure.depth
            if structure.is_in_string:
                at = yield from self._string_end(at)
            yield PAUSE

    def string(self, span: Span) -> Steps[str]:
        """Return the text of a string, decoded in slices.

        Raises:
            DataError: it has an escape that is none.
        """
        parts: list[str] = []
        begin, last = span.begin + 1, span.end - 1
        while begin < last:
            most = min(begin + SLICE_CHARACTERS, last)
            end = _match_end(_WHOLE_CHARACTERS, self.text, begin, most)
            if end == begin:
                self._refuse("a character", begin)
            parts.append(self._decoded(f'"{self.text[begin:end]}"', begin))
            begin = end
            yield PAUSE
        return "".join(parts)

    def parsed(self, span: Span) -> object:
        """Return the value at a place; it should be short, since this makes no pause.

        Raises:
            DataError: it is not JSON.
        """
        return self._decoded(self.text[span.begin : span.end], span.begin)

    def ends_at(self, at: int) -> Steps[None]:
        """Check that only blanks follow.

        Raises:
            DataError: something else follows.
        """
        at = yield from self.blank(at)
        if at < len(self.text):
            self._refuse("the end of the text", at)

    def _decoded(self, text: str, at: int) -> str:
        try:
            value: str = _DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"not JSON at character {at + 1}: {error}") from error
        return value

    def _string_end(self, at: int) -> Steps[int]:
        while True:
            at = yield from self._matched(_STRING_PART, at)
            character = self.text[at : at + 1]
            if character == '"':
                return at + 1
            if not character or at + 1 >= len(self.text):
                self._refuse("the end of a string", len(self.text))
            # A slice ended between the two characters of an escape.
            at += 2

    def _matched(self, pattern: re.Pattern[str], at: int) -> Steps[int]:
        while True:
            most = at + SLICE_CHARACTERS
            end = _match_end(pattern, self.text, at, most)
            if end < most:
                return end
            at = end
            yield PAUSE

    def _is(self, character: str, at: int) -> bool:
        return self.text[at : at + 1] == character

    def _after(self, character: str, at: int) -> int:
        if not self._is(character, at):
            self._refuse(repr(character), at)
        return at + 1

    def _refuse_value(self, at: int) -> NoReturn:
        if len(self.text) - at < _MOST_VALUE:
            self.parsed(Span(at, len(self.text)))
        raise DataError(
            f"the value at character {at + 1} is not JSON, or has more than {_MOST_VALUE} "
            f"characters: {self.text[at : at + 40]!r}"
        )

    def _refuse(self, expected: str, at: int) -> NoReturn:
        shown = self.text[at : at + 40]
        raise DataError(f"not JSON: expected {expected} at character {at + 1}, got {shown!r}")


def _match_end(pattern: re.Pattern[str], text: str, at: int, most: int) -> int:
    match = pattern.match(text, at, most)
    assert match is not None  # every pattern matches the empty text
    return match.end()


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a finite number")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


class _Window:
    """A part of a text, in which values are parsed one after the other.

    Attributes:
        at: the place in the whole text of the next value.
    """

    def __init__(self, text: str, at: int) -> None:
        self.at = at
        self._begin = at
        self._part = text[at : at + _MOST_VALUE]
        self._has_more = at + _MOST_VALUE < len(text)

    def value(self) -> tuple[object] | None:
        """Return the next value in a tuple; None if the window has not all of it, or no value."""
        try:
            value, end = _DECODER.raw_decode(self._part, self.at - self._begin)
        except (ValueError, RecursionError):
            return None
        if end == len(self._part) and self._has_more:
            return None  # of a number this may be a part
        self.at = self._begin + end
        return (value,)
