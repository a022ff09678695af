"""A pipeline drawn with box characters, from top to bottom."""

from typing import Final

from rich.cells import cell_len, set_cell_size

from ..plan import NodePlan, Plan
from .channels import draw_channel
from .layers import layers_of
from .lines import Canvas
from .spread import centres

_GAP: Final = 3
_LONGEST: Final = 32

_FRAME: Final = "┌─┐│└┘┬"
_PROCESS_FRAME: Final = "╔═╗║╚╝╤"


def draw(plan: Plan) -> str:
    """Return a drawing of the plan's graph: a box per node with its id, type and executor.

    A node in a process of its own has a double frame. Where two lines cross, the horizontal one is
    interrupted; lines that belong together join.
    """
    nodes = {str(node.node_id): node for node in plan.nodes}
    layers = layers_of({node: plan.node(node).outputs for node in nodes})
    labels = {slot: _label(nodes[node]) for slot, node in layers.nodes.items()}
    widths = {
        slot: _box_width(labels[slot], len(nodes[layers.nodes[slot]].inputs))
        if slot in labels
        else 1
        for row in layers.rows
        for slot in row
    }
    columns = _columns(layers.rows, widths, centres(layers, widths, _GAP))
    canvas = Canvas()
    followers = layers.followers()
    exits = dict[int, int]()
    top = 0
    for index, row in enumerate(layers.rows):
        for slot in row:
            if slot in labels:
                node = nodes[layers.nodes[slot]]
                _draw_box(canvas, top, columns[slot], widths[slot], labels[slot], node)
                exits[slot] = columns[slot]
            else:
                canvas.draw_down(slot, exits[slot], top, top + _HEIGHT - 1)
        top += _HEIGHT
        if index + 1 < len(layers.rows):
            below = layers.rows[index + 1]
            top = draw_channel(
                canvas,
                top,
                {slot: (exits[slot], followers[slot]) for slot in row if followers[slot]},
                {slot: (columns[slot], widths[slot], slot in labels) for slot in below},
                exits,
            )
    return canvas.text()


_HEIGHT: Final = 5


def _label(node: NodePlan) -> tuple[str, str, str]:
    return _short(node.node_id), _short(node.node_type.name), _short(node.executor)


def _short(text: str) -> str:
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if cell_len(text) <= _LONGEST else set_cell_size(text, _LONGEST - 1) + "…"


def _box_width(label: tuple[str, str, str], inputs: int) -> int:
    width = max(max(cell_len(line) for line in label) + 4, 2 * inputs + 5)
    return width | 1  # odd, so that it has a middle


def _columns(
    rows: tuple[tuple[int, ...], ...], widths: dict[int, int], places: dict[int, float]
) -> dict[int, int]:
    """Return whole columns for the centres, the leftmost box beginning at column 0."""
    columns: dict[int, int] = {}
    for row in rows:
        least = None
        for slot in row:
            half = widths[slot] // 2
            column = round(places[slot])
            if least is not None:
                column = max(column, least + half)
            columns[slot] = column
            least = column + half + 1 + _GAP
    left = min((column - widths[slot] // 2 for slot, column in columns.items()), default=0)
    return {slot: column - left for slot, column in columns.items()}


def _draw_box(
    canvas: Canvas,
    top: int,
    column: int,
    width: int,
    label: tuple[str, str, str],
    node: NodePlan,
) -> None:
    frame = _PROCESS_FRAME if node.is_isolated else _FRAME
    left, inner = column - width // 2, width - 2
    bottom = frame[1] * inner
    if node.outputs:
        bottom = frame[1] * (inner // 2) + frame[6] + frame[1] * (inner // 2)
    canvas.write(top, left, frame[0] + frame[1] * inner + frame[2])
    for row, line in enumerate(label, top + 1):
        blanks = inner - cell_len(line)
        text = " " * (blanks // 2) + line + " " * (blanks - blanks // 2)
        canvas.write(row, left, frame[3] + text + frame[3])
    canvas.write(top + 4, left, frame[4] + bottom + frame[5])
