"""A canvas of character cells, with text and lines."""

from typing import Final

from rich.cells import cell_len

_UP: Final = 1
_DOWN: Final = 2
_LEFT: Final = 4
_RIGHT: Final = 8
# Indexed by the sum of the directions in which a line leaves a cell.
_SHAPES: Final = " │││─┘┐┤─└┌├─┴┬┼"


class Canvas:
    """Character cells with text and with the lines of several nets; only lines of one net join."""

    def __init__(self) -> None:
        self._text: dict[int, dict[int, str]] = {}
        self._lines: dict[tuple[int, int], dict[int, int]] = {}

    def write(self, row: int, column: int, text: str) -> None:
        """Write text, starting at a cell; wide characters take two cells."""
        cells = self._text.setdefault(row, {})
        for character in text:
            if cell_len(character):
                cells[column] = character
                column += cell_len(character)

    def draw_down(self, net: int, column: int, top: int, bottom: int) -> None:
        """Draw a line of a net through the rows from `top` to `bottom`."""
        for row in range(top, bottom + 1):
            self._add(row, column, net, _UP | _DOWN)

    def draw_route(self, net: int, start: int, ends: list[int], rows: tuple[int, int, int]) -> None:
        """Draw a net from a column at the top over one row to columns at the bottom.

        Args:
            net: of the lines.
            start: the column at the top.
            ends: the columns at the bottom.
            rows: the first row, the row of the crossbar, the last row.
        """
        top, bar, bottom = rows
        for row in range(top, bar):
            self._add(row, start, net, _UP | _DOWN)
        self._add(bar, start, net, _UP)
        first, last = min(start, *ends), max(start, *ends)
        for column in range(first, last):
            self._add(bar, column, net, _RIGHT)
            self._add(bar, column + 1, net, _LEFT)
        for end in ends:
            self._add(bar, end, net, _DOWN)
            for row in range(bar + 1, bottom + 1):
                self._add(row, end, net, _UP | _DOWN)

    def text(self) -> str:
        """Return the canvas as lines of text."""
        for (row, column), nets in self._lines.items():
            # Where two nets cross, one is vertical and one horizontal: the vertical one is drawn.
            shape = next(iter(nets.values())) if len(nets) == 1 else _UP | _DOWN
            self._text.setdefault(row, {}).setdefault(column, _SHAPES[shape])
        rows = range(max(self._text, default=-1) + 1)
        return "\n".join(_joined(self._text.get(row, {})) for row in rows)

    def _add(self, row: int, column: int, net: int, shape: int) -> None:
        nets = self._lines.setdefault((row, column), {})
        nets[net] = nets.get(net, 0) | shape


def _joined(cells: dict[int, str]) -> str:
    line, column = "", 0
    for place in sorted(cells):
        line += " " * (place - column) + cells[place]
        column = place + cell_len(cells[place])
    return line.rstrip()
