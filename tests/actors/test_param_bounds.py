"""Every param of every node type has bounds, so that no client chooses how much a node holds."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from runtime.catalogue import BUILT_IN

from .test_catalogue_of_nodes import node_class

Schema = Mapping[str, Any]
NUMBERS = {"integer", "number"}


def unbounded(schema: Schema, place: str, root: Schema) -> Iterator[str]:
    """Yield the places where a schema accepts numbers, text or lists of any size."""
    if "$ref" in schema:
        yield from unbounded(root["$defs"][schema["$ref"].rpartition("/")[2]], place, root)
        return
    for index, choice in enumerate(schema.get("anyOf", ())):
        yield from unbounded(choice, f"{place}[{index}]", root)
    if "enum" in schema or "const" in schema:
        return
    kind = schema.get("type")
    if kind in NUMBERS:
        if not {"minimum", "exclusiveMinimum"} & schema.keys():
            yield f"{place}: no lower bound"
        if not {"maximum", "exclusiveMaximum"} & schema.keys():
            yield f"{place}: no upper bound"
    elif kind == "string" and "maxLength" not in schema and "pattern" not in schema:
        yield f"{place}: no longest text"
    elif kind == "array":
        if "maxItems" not in schema:
            yield f"{place}: no longest list"
        yield from unbounded(schema.get("items", {}), f"{place}.items", root)


@pytest.mark.parametrize("name", [entry.name for entry in BUILT_IN])
def test_every_param_has_bounds(name):
    schema = node_class(name).params_type.model_json_schema()
    found = [
        each
        for field, inner in schema.get("properties", {}).items()
        for each in unbounded(inner, field, schema)
    ]
    assert found == []
