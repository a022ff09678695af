"""A pipeline as an SVG picture, from left to right."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from rich.cells import cell_len

from ..plan import NodePlan, Plan
from .colours import Colour, colours_of
from .layers import Layers, layers_of
from .spread import centres

# All in pixels.
_MARGIN: Final = 24
_TITLE: Final = 34
_LEGEND: Final = 40
_BOX_HEIGHT: Final = 62
_BEND_HEIGHT: Final = 10
_GAP_DOWN: Final = 22
_GAP_ACROSS: Final = 72
_PORT_GAP: Final = 12
_ARROW: Final = 8
# Slightly more than sans-serif needs on average, because the viewer's font is unknown.
_CHARACTER: Final = 8.4
_LONGEST: Final = 32


@dataclass(frozen=True, slots=True)
class _Placed:
    """Positions: the middle of each slot, and the left edge and width of each layer."""

    layers: Layers
    middles: Mapping[int, float]
    lefts: Mapping[int, float]
    widths: Mapping[int, float]
    width: float
    height: float


def to_svg(plan: Plan) -> str:
    """Return a picture of the plan's graph: dark on white, nodes coloured by executor."""
    placed = _place(plan)
    colours = colours_of(plan)
    height = placed.height + _LEGEND
    name = _clean(plan.manifest.metadata.name, 80)
    width = max(placed.width, _MARGIN * 2 + cell_len(name) * 10)
    nodes = {str(node.node_id): node for node in plan.nodes}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label={quoteattr(name)} '
        'font-family="Helvetica, Arial, DejaVu Sans, sans-serif">',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        _text(_MARGIN, _MARGIN + 8, name, size=16, weight="bold", anchor="start"),
        '<g fill="none" stroke="#555555" stroke-width="1.5">',
        *_edges(placed, nodes),
        "</g>",
        *_boxes(placed, nodes, colours),
        *_legend(colours, placed.height + _LEGEND / 2),
        "</svg>",
    ]
    return "\n".join([*parts, ""])


def _place(plan: Plan) -> _Placed:
    layers = layers_of({str(node.node_id): node.outputs for node in plan.nodes})
    by_id = {str(node.node_id): node for node in plan.nodes}
    sizes = {slot: float(_BEND_HEIGHT) for row in layers.rows for slot in row}
    widths: dict[int, float] = {}
    lefts: dict[int, float] = {}
    left = float(_MARGIN)
    for row in layers.rows:
        named = [by_id[layers.nodes[slot]] for slot in row if slot in layers.nodes]
        broadest = max((_label_width(node) for node in named), default=0)
        for slot in row:
            lefts[slot], widths[slot] = left, broadest
            if slot in layers.nodes:
                ports = len(by_id[layers.nodes[slot]].inputs)
                sizes[slot] = max(_BOX_HEIGHT, (ports + 1) * _PORT_GAP)
        left += broadest + _GAP_ACROSS
    middles = centres(layers, sizes, _GAP_DOWN)
    top = min((middle - sizes[slot] / 2 for slot, middle in middles.items()), default=0)
    shift = _MARGIN + _TITLE - top
    middles = {slot: middle + shift for slot, middle in middles.items()}
    bottom = max((middle + sizes[slot] / 2 for slot, middle in middles.items()), default=0)
    return _Placed(layers, middles, lefts, widths, left - _GAP_ACROSS + _MARGIN, bottom + 10)


def _edges(placed: _Placed, nodes: Mapping[str, NodePlan]) -> Iterator[str]:
    layers, middles = placed.layers, placed.middles
    arriving: dict[str, list[tuple[float, tuple[str, str]]]] = {}
    for (source, target), way in layers.ways.items():
        arriving.setdefault(target, []).append((middles[way[-2]], (source, target)))
    offsets: dict[tuple[str, str], float] = {}
    for edges in arriving.values():
        for index, (_, edge) in enumerate(sorted(edges)):
            offsets[edge] = (index - (len(edges) - 1) / 2) * _PORT_GAP
    for edge, way in layers.ways.items():
        x = placed.lefts[way[0]] + placed.widths[way[0]]
        y = middles[way[0]]
        path = f"M {x:.1f} {y:.1f}"
        for slot in way[1:-1]:
            left, right = placed.lefts[slot], placed.lefts[slot] + placed.widths[slot]
            path += f" {_curve(x, y, left, middles[slot])} L {right:.1f} {middles[slot]:.1f}"
            x, y = right, middles[slot]
        end_x, end_y = placed.lefts[way[-1]], middles[way[-1]] + offsets[edge]
        path += f" {_curve(x, y, end_x - _ARROW, end_y)}"
        title = escape(f"{edge[0]} -> {edge[1]}")
        yield f'<path d="{path}"><title>{title}</title></path>'
        corners = f"{end_x:.1f},{end_y:.1f} "
        corners += f"{end_x - _ARROW:.1f},{end_y - _ARROW / 2:.1f} "
        corners += f"{end_x - _ARROW:.1f},{end_y + _ARROW / 2:.1f}"
        yield f'<polygon points="{corners}" fill="#555555" stroke="none"/>'


def _curve(x: float, y: float, end_x: float, end_y: float) -> str:
    middle = (x + end_x) / 2
    return f"C {middle:.1f} {y:.1f} {middle:.1f} {end_y:.1f} {end_x:.1f} {end_y:.1f}"


def _boxes(
    placed: _Placed, nodes: Mapping[str, NodePlan], colours: Mapping[str, Colour]
) -> Iterator[str]:
    for slot, name in placed.layers.nodes.items():
        node = nodes[name]
        colour = colours[node.executor]
        left, width, middle = placed.lefts[slot], placed.widths[slot], placed.middles[slot]
        height = max(_BOX_HEIGHT, (len(node.inputs) + 1) * _PORT_GAP)
        centre = left + width / 2
        tip = escape(f"{node.node_id}: {_clean(node.reason, 200)}")
        yield (
            f'<g><title>{tip}</title><rect x="{left:.1f}" y="{middle - height / 2:.1f}" '
            f'width="{width:.1f}" height="{height:.1f}" rx="7" fill="{colour.fill}" '
            f'stroke="{colour.line}" stroke-width="1.5"/>'
        )
        yield _text(centre, middle - 10, _clean(node.node_id), size=14, weight="bold")
        yield _text(centre, middle + 7, _clean(node.node_type.name), size=12)
        yield _text(centre, middle + 22, _clean(node.executor), size=11, fill=colour.line) + "</g>"


def _legend(colours: Mapping[str, Colour], middle: float) -> Iterator[str]:
    left = float(_MARGIN)
    for executor, colour in colours.items():
        name = _clean(executor)
        yield (
            f'<rect x="{left:.1f}" y="{middle - 7:.1f}" width="14" height="14" rx="3" '
            f'fill="{colour.fill}" stroke="{colour.line}"/>'
        )
        yield _text(left + 20, middle + 4, name, size=12, anchor="start")
        left += 20 + cell_len(name) * _CHARACTER + 18


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int,
    weight: str = "normal",
    anchor: str = "middle",
    fill: str = "#1b1b1b",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'
    )


def _label_width(node: NodePlan) -> float:
    lines = (node.node_id, node.node_type.name, node.executor)
    return max(cell_len(_clean(line)) for line in lines) * _CHARACTER + 24


def _clean(text: str, longest: int = _LONGEST) -> str:
    """Return text that is valid in XML and fits into a box."""
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"
