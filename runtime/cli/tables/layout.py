"""Rows of cells laid out for the width of the console: as a table, or as a list of records.

No name and no number is ever split. A table is used where its names fit and its text has room.
Otherwise each row becomes a record: names on one line, text indented below. A row that does not fit
that way either has a line for each cell.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rich import box
from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

Row = Sequence[Text]

_GAP: Final = 2
_INDENT: Final = 4
# A narrower column is harder to read than a line below the row.
_NARROWEST_TEXT: Final = 36
_NARROWEST_VALUES: Final = 16
# With this width, text is read easily; what is left goes to the columns of values.
_GOOD_TEXT: Final = 60


@dataclass(frozen=True, slots=True)
class Column:
    """A column before the last one.

    Attributes:
        wraps: whether its cells may be wrapped at words; names and numbers may not.
        justify: "right" for numbers.
    """

    heading: str
    wraps: bool = False
    justify: JustifyMethod = "left"


def print_rows(console: Console, columns: Sequence[Column], text: str, rows: Iterable[Row]) -> None:
    """Print rows in the form that the console is wide enough for.

    Args:
        console: where they are printed.
        columns: all but the last.
        text: the heading of the last column, which is text that may be wrapped.
        rows: a cell for each column.
    """
    console.print(laid_out(columns, text, list(rows), console.width))


def laid_out(
    columns: Sequence[Column], text: str, rows: Sequence[Row], width: int
) -> RenderableType:
    """Return the rows as a table, or as records where a table does not fit into `width`."""
    layout = _Layout(columns, text, rows)
    table_widths = layout.widths(width - layout.text_width - _GAP, fold=False)
    if table_widths is not None:
        return layout.table(table_widths)
    record_widths = layout.widths(width, fold=True)
    if record_widths is not None:
        return layout.records(record_widths)
    return Group(*map(layout.stacked, rows))


class _Layout:
    """Rows, and the widths that they need."""

    def __init__(self, columns: Sequence[Column], text: str, rows: Sequence[Row]) -> None:
        self._columns = columns
        self._text = text
        self._rows = rows
        self._longest = [
            max([len(column.heading), *(row[index].cell_len for row in rows)])
            for index, column in enumerate(columns)
        ]

    @property
    def text_width(self) -> int:
        """The width that the last column needs at least, in a table."""
        texts = [row[-1] for row in self._rows]
        longest = max((cell.cell_len for cell in texts), default=0)
        return max(min(longest, _NARROWEST_TEXT), *map(_longest_word, texts), len(self._text))

    def widths(self, available: int, *, fold: bool) -> list[int] | None:
        """Return the widths of all columns but the last; None if there is no room for them.

        Args:
            available: for these columns, with the gaps between them.
            fold: whether a wrapped column may be narrower than its longest word.
        """
        fixed = sum(
            longest
            for column, longest in zip(self._columns, self._longest, strict=True)
            if not column.wraps
        )
        left = available - fixed - _GAP * (len(self._columns) - 1)
        wrapped = sum(column.wraps for column in self._columns)
        if not wrapped:
            return self._longest if left >= 0 else None
        # In a table, the text gets a good width first.
        extra = 0 if fold else _GOOD_TEXT - self.text_width
        widths = []
        for index, (column, longest) in enumerate(zip(self._columns, self._longest, strict=True)):
            word = 0 if fold else max(_longest_word(row[index]) for row in self._rows)
            least = max(min(longest, _NARROWEST_VALUES), word, len(column.heading))
            share = max(least, min(longest, (left - extra) // wrapped))
            if column.wraps and share > left // wrapped:
                return None
            widths.append(share if column.wraps else longest)
        return widths

    def table(self, widths: Sequence[int]) -> Table:
        """Return a table with a row for each row."""
        table = self._grid(widths)
        table.box, table.show_header, table.header_style = box.SIMPLE_HEAD, True, "bold"
        table.show_edge = False
        table.padding = (0, _GAP - 1, 0, 0)  # and one column of the box
        table.add_column(self._text, overflow="fold")
        for row in self._rows:
            table.add_row(*row)
        return table

    def records(self, widths: Sequence[int]) -> Group:
        """Return two parts for each row: names and values, and the text indented below them."""
        heading = self._grid(widths)
        heading.add_row(*(Text(column.heading, "bold") for column in self._columns))
        parts: list[RenderableType] = [heading, _indented(Text(self._text, "bold"))]
        for row in self._rows:
            *cells, text = row
            if any(_longest_word(cell) > width for cell, width in zip(cells, widths, strict=True)):
                parts.append(self.stacked(row))
                continue
            line = self._grid(widths)
            line.add_row(*cells)
            parts += [line, _indented(text)] if text else [line]
        return Group(*parts)

    def stacked(self, row: Row) -> Group:
        """Return a line for each cell, below a line for the first."""
        headings = [*(column.heading for column in self._columns), self._text]
        cells = Table.grid(padding=(0, _GAP, 0, 0))
        cells.add_column(no_wrap=True)
        cells.add_column(overflow="fold")
        for heading, cell in zip(headings[1:], row[1:], strict=True):
            if cell:
                cells.add_row(Text(heading, "dim"), cell)
        return Group(row[0], _indented(cells))

    def _grid(self, widths: Sequence[int]) -> Table:
        """Return a table without lines, with all columns but the last."""
        grid = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
        for column, width in zip(self._columns, widths, strict=True):
            grid.add_column(
                column.heading, width=width, no_wrap=not column.wraps, justify=column.justify
            )
        return grid


def _indented(content: RenderableType) -> Padding:
    return Padding(content, (0, 0, 0, _INDENT))


def _longest_word(text: Text) -> int:
    return max(map(len, text.plain.split()), default=0)
