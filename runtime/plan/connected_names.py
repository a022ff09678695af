"""Params that name connected nodes: checked against the connections of the manifest.

A param with the format "reader-id" in its JSON schema holds the id of a node that reads this one,
one with the format "input-id" that of a node that this one reads, or "client". Such params may be
in lists and in nested models.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic.alias_generators import to_camel

from ..documents import Path, Problem, Schema, resolved

READER_FORMAT: Final = "reader-id"
"""The `format` in the JSON schema of a param that names a reader of the node."""

INPUT_FORMAT: Final = "input-id"
"""The `format` of a param that names a node whose items the node gets."""

CLIENT: Final = "client"
"""What stands for the session's client where a node's input is named."""

# Params are at most as deep as the manifest may be; a schema may refer to itself.
_DEEPEST: Final = 20


def connection_problems(
    params: Mapping[str, Any], schema: Schema, inputs: Sequence[str], readers: Sequence[str]
) -> Iterator[Problem]:
    """Yield a problem for each name that is not that of a connected node.

    Args:
        params: of the node, as given; names that defaults hold are not checked.
        schema: of the params.
        inputs: ids of the nodes that it reads.
        readers: ids of the nodes that read it.
    """
    for path, kind, name in _names(params, schema, schema, ()):
        if kind == READER_FORMAT and name and name not in readers:
            yield Problem(
                path,
                f"{name!r} does not read this node; its readers: {_listed(readers)}; add the "
                "connection to the manifest",
            )
        elif kind == INPUT_FORMAT and name not in (*inputs, CLIENT):
            yield Problem(
                path,
                f"this node does not read {name!r}; it reads: {_listed(inputs)}; add the "
                "connection to the manifest",
            )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (" ..." if len(names) > 20 else "") if names else "none"


def _names(
    value: object, schema: Schema, root: Schema, path: Path
) -> Iterator[tuple[Path, str, str]]:
    if len(path) > _DEEPEST:
        return
    for option in (schema, *schema.get("anyOf", ())):
        form = resolved(option, root)
        kind = form.get("format")
        match value:
            case str() if kind in (READER_FORMAT, INPUT_FORMAT):
                yield path, kind, value
            case list():
                for index, each in enumerate(value):
                    yield from _names(each, form.get("items", {}), root, (*path, index))
            case dict():
                for name, field in form.get("properties", {}).items():
                    key = name if name in value else to_camel(name)
                    if key in value:
                        yield from _names(value[key], field, root, (*path, key))
