"""Rows of columns for a screen: the columns that fit, each cell cut to its width."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.text import Text

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class RowColumn(Generic[Row]):
    """A column.

    Attributes:
        name: the heading, also how it is chosen for sorting.
        width: of the cells; for one that grows, the least.
        text: returns a row's cell; its style may be "".
        key: returns what rows are sorted by; None: they cannot be.
        grows: whether it takes the width that is left.
        is_number: whether it is aligned to the right, and sorted from the largest.
        rank: columns with a high rank are left out first where the screen is narrow.
    """

    name: str
    width: int
    text: Callable[[Row], tuple[str, str]]
    key: Callable[[Row], Any] | None = None
    grows: bool = False
    is_number: bool = True
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Fitted(Generic[Row]):
    """The columns that fit, with their widths."""

    columns: Sequence[tuple[RowColumn[Row], int]]

    def heading(self, sorted_by: str = "") -> Text:
        """Return the heading; the name that rows are sorted by is marked."""
        cells = [
            (column.name, "bold underline" if column.name == sorted_by else "bold")
            for column, _ in self.columns
        ]
        return self._line(cells)

    def line(self, row: Row) -> Text:
        """Return the line of a row."""
        return self._line([column.text(row) for column, _ in self.columns])

    def _line(self, cells: Sequence[tuple[str, str]]) -> Text:
        line = Text(no_wrap=True)
        for (column, width), (text, style) in zip(self.columns, cells, strict=True):
            if line:
                line.append(" ")
            cell = cut(text, width)
            blanks = " " * (width - cell_len(cell))
            line.append(blanks if column.is_number else "")
            line.append(cell, style or None)
            line.append("" if column.is_number else blanks)
        return line


def fitted(columns: Sequence[RowColumn[Row]], width: int) -> Fitted[Row]:
    """Choose the columns that fit into a width, and share what is left among those that grow."""
    chosen = list(columns)
    while len(chosen) > 1 and _width_of(chosen) > width:
        chosen.remove(max(reversed(chosen), key=lambda column: column.rank))
    growing = [column for column in chosen if column.grows]
    left = max(0, width - _width_of(chosen))
    widths = {}
    for index, column in enumerate(growing):
        share = left // (len(growing) - index)
        widths[column.name] = column.width + share
        left -= share
    return Fitted([(column, widths.get(column.name, column.width)) for column in chosen])


def cut(text: str, width: int) -> str:
    """Return a text that takes at most so many cells of the screen.

    >>> cut("whisper", 7), cut("whisper", 5)
    ('whisper', 'whis…')
    """
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 1 else text[:width]


def _width_of(columns: Sequence[RowColumn[Row]]) -> int:
    return sum(column.width for column in columns) + len(columns) - 1
