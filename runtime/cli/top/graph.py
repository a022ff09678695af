"""The graph of a pipeline as lines of text, with what waits on its links."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from .columns import fill_style
from .figures import LinkFigures, NodeFigures
from .rows import cut

_CLIENT: Final = "client"
_INDENT: Final = "    "
_LONGEST: Final = 24


def graph_lines(
    nodes: Sequence[NodeFigures], links: Sequence[LinkFigures], width: int
) -> list[Text]:
    """Return the graph: each line is a path, and each link is in one of them.

    A path that begins at a node of an earlier line has its name again. A number in an arrow is how
    many items wait on that link.
    """
    slowest = {node.node_id for node in nodes if node.is_slowest}
    lines: list[Text] = []
    for path in _paths([node.node_id for node in nodes], links):
        lines += _lines_of(path, slowest, width)
    return lines


def _paths(
    nodes: Sequence[str], links: Sequence[LinkFigures]
) -> Iterator[tuple[str, list[LinkFigures]]]:
    """Yield paths: where each begins, and its links."""
    has_producer = {link.reader for link in links if link.producer}
    # Chunks may enter at any node. Where a node reads others, that link is left out while empty.
    shown = [
        link for link in links if link.producer or link.reader not in has_producer or link.waiting
    ]
    following: dict[str, list[LinkFigures]] = {}
    for link in shown:
        following.setdefault(link.producer, []).append(link)
    # "" begins and ends paths: the client sends and receives.
    for start in ("", *nodes):
        while following.get(start):
            path = [following[start].pop(0)]
            while path[-1].reader and following.get(path[-1].reader):
                path.append(following[path[-1].reader].pop(0))
            yield start, path


def _lines_of(path: tuple[str, list[LinkFigures]], slowest: set[str], width: int) -> Iterator[Text]:
    start, links = path
    line = _name(start, slowest)
    for link in links:
        step = Text.assemble(_arrow(link), _name(link.reader, slowest))
        if line.cell_len + step.cell_len > width:
            yield line
            line = Text(_INDENT)
        line.append_text(step)
    yield line


def _name(node: str, slowest: set[str]) -> Text:
    if not node:
        return Text(_CLIENT, "dim")
    return Text(cut(node, _LONGEST), "bold yellow reverse" if node in slowest else "bold")


def _arrow(link: LinkFigures) -> Text:
    waiting = str(link.waiting) if link.waiting else "─"
    return Text(f" ─{waiting}─▶ ", fill_style(link.fill) or "dim")
