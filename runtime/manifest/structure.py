"""The rules between keys of a manifest: ids, connections, cycles.

They are checked on the plain value, and skip parts of a wrong type, so that their faults are
reported together with those of single keys.
"""

from collections.abc import Iterator, Mapping, Sequence

from ..config import MOST_CONNECTIONS, MOST_NODES
from ..documents import Document, Path, Problem, did_you_mean
from .cycles import cycles


def structure_problems(document: Document) -> Iterator[Problem]:
    """Yield the problems between the parts of a manifest."""
    nodes, connections = _items(document, "nodes"), _items(document, "connections")
    for key, items, most in (
        ("nodes", nodes, MOST_NODES),
        ("connections", connections, MOST_CONNECTIONS),
    ):
        if len(items) > most:
            yield Problem((key,), f"got {len(items)}; expected at most {most}")
            return
    ids = _ids(nodes)
    yield from _repeated_ids(document, nodes)
    yield from _connection_problems(document, connections, ids)
    yield from _cycle_problems(connections, ids)
    yield from _override_problems(document, ids)


def _items(document: Document, key: str) -> Sequence[object]:
    value = document.value
    items = value.get(key) if isinstance(value, Mapping) else None
    return items if isinstance(items, list) else ()


def _ids(nodes: Sequence[object]) -> dict[str, int]:
    """Return each id and the index of the first node that has it."""
    ids: dict[str, int] = {}
    for index, node in enumerate(nodes):
        if isinstance(node, Mapping) and isinstance(node.get("id"), str):
            ids.setdefault(node["id"], index)
    return ids


def _repeated_ids(document: Document, nodes: Sequence[object]) -> Iterator[Problem]:
    first = _ids(nodes)
    for index, node in enumerate(nodes):
        if isinstance(node, Mapping) and isinstance(node.get("id"), str):
            earlier = first[node["id"]]
            if earlier != index:
                line = document.line(("nodes", earlier, "id"))
                place = f"nodes[{earlier}]" + (f" on line {line}" if line else "")
                message = f"{place} has this id already; expected an id of its own"
                yield Problem(("nodes", index, "id"), f"nodes[{index}]: {message}")


def _ends(connection: object) -> tuple[str, str] | None:
    if isinstance(connection, Mapping):
        source, target = connection.get("from"), connection.get("to")
        if isinstance(source, str) and isinstance(target, str):
            return source, target
    return None


def _connection_problems(
    document: Document, connections: Sequence[object], ids: Mapping[str, int]
) -> Iterator[Problem]:
    seen: dict[tuple[str, str], int] = {}
    for index, connection in enumerate(connections):
        path: Path = ("connections", index)
        if isinstance(connection, Mapping):
            for key in ("from", "to"):
                end = connection.get(key)
                if isinstance(end, str) and end not in ids:
                    hint = did_you_mean(end, ids, or_else="nodes")
                    yield Problem((*path, key), f"no node has the id {_quoted(end)}; {hint}")
        ends = _ends(connection)
        if ends is None:
            continue
        if ends[0] == ends[1]:
            yield Problem(path, "a node cannot read its own output; expected two different nodes")
        if ends in seen:
            earlier = ("connections", seen[ends])
            line = document.line(earlier)
            place = f"connections[{seen[ends]}]" + (f" on line {line}" if line else "")
            yield Problem(path, f"is there already as {place}; keep one")
        seen.setdefault(ends, index)


def _cycle_problems(connections: Sequence[object], ids: Mapping[str, int]) -> Iterator[Problem]:
    successors: dict[str, list[str]] = {node: [] for node in ids}
    for connection in connections:
        ends = _ends(connection)
        if ends is not None and ends[0] != ends[1] and ends[0] in ids and ends[1] in ids:
            successors[ends[0]].append(ends[1])
    for cycle in cycles(successors):
        shown = " -> ".join(_short(node) for node in (*cycle.path, cycle.path[0]))
        others = [_short(node) for node in cycle.members if node not in cycle.path]
        rest = f" and {len(others) - 10} more" if len(others) > 10 else ""
        more = f" (and others through {', '.join(others[:10])}{rest})" if others else ""
        message = f"a cycle: {shown}{more}; data must flow one way, so take out a connection"
        yield Problem(("connections",), message)


def _override_problems(document: Document, ids: Mapping[str, int]) -> Iterator[Problem]:
    value = document.value
    path: Path = ("metadata", "multiprocess", "executor_overrides")
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping):
        for node in value:
            if node not in ids:
                hint = did_you_mean(node, ids, or_else="nodes")
                yield Problem((*path, node), f"no node has the id {_quoted(node)}; {hint}")


def _short(node: str) -> str:
    return node if len(node) <= 80 and node.isprintable() else ascii(node[:76]) + " ..."


def _quoted(node: str) -> str:
    return f'"{_short(node)}"'
