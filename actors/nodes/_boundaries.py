"""Boundaries between sentences: the usual ones, or a client's regular expression.

A client's expression is never compiled by `re`, whose matching can take exponential time: a few
characters would stop the server. RE2 matches in linear time, and the size of the program that it
makes of an expression is bounded here.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import re2

LONGEST_PATTERN: Final = 200

# RE2 needs time for each character in proportion to this: 5 ms for 1024 characters at worst.
_LARGEST_PROGRAM: Final = 256
_MEMORY_BYTES: Final = 256 * 1024

_USUAL: Final = re.compile(r"[.!?;\n]+")
_USUAL_SLICE: Final = 16_384
_CLIENT_SLICE: Final = 1024


class Boundaries(Protocol):
    """Finds runs of boundaries.

    Attributes:
        slice_characters: how much text to search between two pauses.
    """

    slice_characters: int

    def runs(self, text: str, begin: int) -> Iterator[tuple[int, int]]:
        """Yield begin and end of each run of boundaries from a place on."""

    def run_at_start(self, text: str) -> int:
        """Return the length of the run that a text begins with; 0 if there is none."""


class UsualBoundaries:
    """Boundaries are . ! ? ; and newline."""

    slice_characters = _USUAL_SLICE

    def runs(self, text: str, begin: int) -> Iterator[tuple[int, int]]:
        """Yield begin and end of each run of boundaries from a place on."""
        for run in _USUAL.finditer(text, begin):
            yield run.span()

    def run_at_start(self, text: str) -> int:
        """Return the length of the run that a text begins with; 0 if there is none."""
        run = _USUAL.match(text)
        return run.end() if run is not None else 0


class ClientBoundaries:
    """Boundaries are what a client's expression matches."""

    slice_characters = _CLIENT_SLICE

    def __init__(self, pattern: str) -> None:
        """Compile a checked expression."""
        self._compiled = _compiled(pattern)

    def runs(self, text: str, begin: int) -> Iterator[tuple[int, int]]:
        """Yield begin and end of each run of boundaries from a place on."""
        for run in self._compiled.finditer(text, begin):
            if run.end() > run.start():
                yield run.start(), run.end()

    def run_at_start(self, text: str) -> int:
        """Return the length of the run that a text begins with; 0 if there is none."""
        run = self._compiled.match(text)
        return run.end() if run is not None else 0


def check_pattern(pattern: str) -> None:
    """Check a client's expression of one boundary.

    Raises:
        ValueError: it is no expression in RE2's syntax, is too large, or matches the empty text.
    """
    compiled = _compiled(pattern)
    if max(compiled.programsize, compiled.reverseprogramsize) > _LARGEST_PROGRAM:
        raise ValueError(f"too large an expression; a few boundaries are meant, got {pattern!r}")
    if compiled.match("") is not None:
        raise ValueError(
            f"must not match the empty text, or every place were a boundary, got {pattern!r}; "
            r'a pattern such as "[.!?]" or "\n\n" is meant'
        )


def _re2_options() -> "re2.Options":
    import re2

    options = re2.Options()
    options.log_errors = False  # to the server's standard error
    options.never_capture = True
    options.max_mem = _MEMORY_BYTES
    return options


def _compiled(pattern: str) -> "re2._Regexp":
    import re2  # here, since few nodes have a pattern of their own

    try:
        return re2.compile(f"(?:{pattern})+", _re2_options())
    except re2.error as error:
        detail = error.args[0] if error.args else ""
        reason = detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail)
        raise ValueError(
            f"not a regular expression in RE2's syntax (without look-around and back references): "
            f"{reason}; got {pattern!r}"
        ) from error
