"""The lines between two layers of a drawing."""

from collections.abc import Mapping
from typing import Final

from .lines import Canvas
from .spread import spread

Sources = Mapping[int, tuple[int, list[int]]]
"""For each slot above: the column where its lines begin, and the slots that they lead to."""

Targets = Mapping[int, tuple[int, int, bool]]
"""For each slot below: its middle column, its width, and whether it is a node."""

# Ordering compares every pair of nets; with more of them it would take too long.
_MOST_ORDERED: Final = 24


def draw_channel(
    canvas: Canvas, top: int, sources: Sources, targets: Targets, exits: dict[int, int]
) -> int:
    """Draw all lines from one layer to the next, and return the row after them.

    The lines of one slot above are a net, with one crossbar. No end of a net is below the beginning
    of another, so crossbars may lie in any order.

    Args:
        canvas: to draw on.
        top: the first row of the channel.
        sources: the slots above.
        targets: the slots below.
        exits: filled with the columns in which lines continue through a slot without a node.
    """
    ends = _ends(sources, targets, exits)
    nets = {
        slot: (column, [ends[slot, target] for target in followers])
        for slot, (column, followers) in sources.items()
    }
    bent = {slot: net for slot, net in nets.items() if any(end != net[0] for end in net[1])}
    tracks = _tracks(bent)
    height = max(tracks.values(), default=0) + 2
    arrows = top + height - 1
    for slot, (column, columns) in nets.items():
        bar = top + tracks.get(slot, 0)
        if slot in bent:
            canvas.draw_route(slot, column, columns, (top, bar, arrows))
        else:
            canvas.draw_down(slot, column, top, arrows)
    for (_, target), column in ends.items():
        if targets[target][2]:
            canvas.write(arrows, column, "▼")
    return top + height


def _ends(sources: Sources, targets: Targets, exits: dict[int, int]) -> dict[tuple[int, int], int]:
    """Return the column in which each line reaches its target."""
    taken = {column: slot for slot, (column, _) in sources.items()}
    arriving: dict[int, list[int]] = {target: [] for target in targets}
    for slot, (_, followers) in sorted(sources.items(), key=lambda item: item[1][0]):
        for target in followers:
            arriving[target].append(slot)
    found: dict[tuple[int, int], int] = {}
    for target, slots in arriving.items():
        if not slots:
            continue
        middle, width, is_node = targets[target]
        wanted = [
            _wanted(sources[slot][0], middle, width, alone=len(slots) == 1) if is_node else middle
            for slot in slots
        ]
        low, high = (middle - width // 2 + 1, middle + width // 2 - 1) if is_node else (0, 10**9)
        if not is_node:
            low, high = middle - 1, middle + 1
        columns = _free_columns(wanted, slots, taken, low, high)
        for slot, column in zip(slots, columns, strict=True):
            found[slot, target] = column
        if not is_node:
            exits[target] = columns[0]
    return found


def _wanted(start: int, middle: int, width: int, *, alone: bool) -> int:
    """Return the preferred column of a line at a box: straight below its start if possible."""
    if abs(start - middle) <= width // 2 - 2:
        return start
    if alone:
        return middle
    return middle + (1 if start > middle else -1) * (width // 4)


def _free_columns(
    wanted: list[int], slots: list[int], taken: Mapping[int, int], low: int, high: int
) -> list[int]:
    """Return a column for each line, from left to right, none below the start of another line."""
    room = (high - low) // max(len(wanted) - 1, 1)
    places = spread([float(place) for place in wanted], [min(4, max(room, 1))] * (len(wanted) - 1))
    used: set[int] = set()
    columns: list[int] = []
    for slot, place in zip(slots, places, strict=True):
        start = min(max(round(place), low), high)
        distances = sorted(range(low - start, high - start + 1), key=lambda d: (abs(d), d))
        column = next(
            (
                start + distance
                for distance in distances
                if start + distance not in used
                and taken.get(start + distance, slot) == slot
                and (not columns or start + distance > columns[-1])
            ),
            start,
        )
        used.add(column)
        columns.append(column)
    return columns


def _tracks(nets: Mapping[int, tuple[int, list[int]]]) -> dict[int, int]:
    """Return the row of the crossbar of each net; nets that do not overlap share one."""
    tracks: dict[int, int] = {}
    done: list[int] = []
    for net in _ordered(nets):
        above = [tracks[other] for other in done if _overlap(nets[net], nets[other])]
        tracks[net] = max(above, default=-1) + 1
        done.append(net)
    return tracks


def _ordered(nets: Mapping[int, tuple[int, list[int]]]) -> list[int]:
    """Return the nets from the upper crossbar to the lower, with few crossings."""
    order: list[int] = []
    for net in sorted(nets, key=lambda slot: nets[slot][0]):
        if len(nets) > _MOST_ORDERED:
            order.append(net)
            continue
        costs = [
            sum(_cost(nets[other], nets[net]) for other in order[:place])
            + sum(_cost(nets[net], nets[other]) for other in order[place:])
            for place in range(len(order) + 1)
        ]
        order.insert(costs.index(min(costs)), net)
    return order


def _cost(upper: tuple[int, list[int]], lower: tuple[int, list[int]]) -> int:
    """Return the number of crossings of two nets, `upper` with the higher crossbar."""
    first, last = _span(upper)
    crossings = int(first < lower[0] < last)
    first, last = _span(lower)
    return crossings + sum(first < end < last for end in upper[1])


def _overlap(one: tuple[int, list[int]], other: tuple[int, list[int]]) -> bool:
    (first, last), (other_first, other_last) = _span(one), _span(other)
    return first <= other_last + 1 and other_first <= last + 1


def _span(net: tuple[int, list[int]]) -> tuple[int, int]:
    return min(net[0], *net[1]), max(net[0], *net[1])
