"""Checks that a Python value has a JSON form, within the bounds of a document."""

import math
from collections.abc import Mapping

from .bounds import DEEPEST_NESTING, LONGEST_NUMBER, MOST_BYTES, MOST_VALUES
from .document import Path, Problem
from .text import is_unicode

_MOST_BITS = int(LONGEST_NUMBER * math.log2(10))


def check_plain(value: object) -> tuple[object, tuple[Problem, ...]]:
    """Return a copy of `value` of dict, list, str, int, float, bool and None, and the problems.

    A part without a JSON form is None in the copy, and a problem.

    >>> check_plain({"a": (1, 2)})
    ({'a': [1, 2]}, ())
    """
    checker = _Checker()
    return checker.copy(value, ()), tuple(checker.problems)


class _Checker:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._values = 0
        self._characters = 0

    def copy(self, value: object, path: Path) -> object:
        self._values += 1
        if self._values > MOST_VALUES:
            return self._refuse(path, f"more than {MOST_VALUES} values") if self._first() else None
        if len(path) > DEEPEST_NESTING:
            return self._refuse(path[:3], f"nested more than {DEEPEST_NESTING} levels deep")
        if isinstance(value, Mapping):
            return self._copy_mapping(value, path)
        if isinstance(value, list | tuple):
            return [self.copy(each, (*path, index)) for index, each in enumerate(value)]
        return self._copy_scalar(value, path)

    def _copy_mapping(self, value: Mapping[object, object], path: Path) -> dict[str, object]:
        result: dict[str, object] = {}
        for key, each in value.items():
            if isinstance(key, str) and is_unicode(key):
                result[str(key)] = self.copy(each, (*path, str(key)))
            else:
                self._refuse(path, f"the key {ascii(key)[:60]} is not text; keys must be text")
        return result

    def _copy_scalar(self, value: object, path: Path) -> object:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._copy_text(value, path)
        if isinstance(value, int):
            if value.bit_length() <= _MOST_BITS:
                return int(value)
            return self._refuse(path, f"a number of more than {LONGEST_NUMBER} digits")
        if isinstance(value, float):
            if math.isfinite(value):
                return float(value)
            return self._refuse(path, f"got {value}; expected a finite number")
        kind = type(value).__name__
        return self._refuse(path, f"got a {kind}; expected text, a number, a list, an object ...")

    def _copy_text(self, value: str, path: Path) -> object:
        self._characters += len(value)
        if self._characters > MOST_BYTES:
            return self._refuse(path, f"more than {MOST_BYTES} characters of text in all")
        if not is_unicode(value):
            return self._refuse(path, "text with half of a surrogate pair, which is no character")
        return str(value)

    def _first(self) -> bool:
        return self._values == MOST_VALUES + 1

    def _refuse(self, path: Path, message: str) -> object:
        """Add a problem, and return the value for the copy."""
        self.problems.append(Problem(path, message))
        return None
