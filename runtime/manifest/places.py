"""Places in a manifest, for messages."""

from ..documents import Document, Path, dotted


def where(document: Document, path: Path) -> str:
    """Return file, line, node or connection, and key of the value at `path`.

    >>> document = Document({"nodes": [{"id": "vad"}]}, "pipeline.json")
    >>> where(document, ("nodes", 0, "params", "threshold"))
    "pipeline.json: node 'vad': params.threshold"
    """
    subject, rest = subject_of(document, path)
    parts = (document.place(path), subject, dotted(rest))
    return ": ".join(part for part in parts if part)


def subject_of(document: Document, path: Path) -> tuple[str, Path]:
    """Return the node or connection of a path, and the path from there."""
    if len(path) < 2 or not isinstance(path[1], int):
        return "", path
    item = _item(document, path)
    if isinstance(item, dict):
        if path[0] == "nodes" and _nameable(item.get("id")):
            return f"node {item['id']!r}", path[2:]
        ends = (item.get("from"), item.get("to"))
        if path[0] == "connections" and all(_nameable(end) for end in ends):
            return f"connection {ends[0]} -> {ends[1]}", path[2:]
    return dotted(path[:2]), path[2:]


def _nameable(name: object) -> bool:
    return isinstance(name, str) and 0 < len(name) <= 80 and name.isprintable()


def _item(document: Document, path: Path) -> object:
    value = document.value
    items = value.get(path[0]) if isinstance(value, dict) else None
    index = path[1]
    if isinstance(items, list) and isinstance(index, int) and index < len(items):
        return items[index]
    return None
