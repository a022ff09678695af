"""Describes the accepted values of a field in words, from its JSON schema."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema

Schema = Mapping[str, Any]

ACCEPTED: Final = "x-accepted"
"""The key of a schema under which a field gives its accepted form in its own words."""

_FORMATS: Final = {
    "date-time": "an ISO 8601 date and time",
    "uuid": "a UUID",
    "path": "a path",
    "uri": "a URL",
}


@dataclass(frozen=True, slots=True)
class AcceptedField:
    """A field of a model, in words.

    Attributes:
        name: in snake_case.
        form: the accepted values.
        default: as JSON; None if the field is required.
    """

    name: str
    form: str
    default: str | None
    description: str


def accepted_fields(model: type[BaseModel]) -> tuple[AcceptedField, ...]:
    """Return every field of a model, in the order of its definition.

    >>> from actors import Field, Params
    >>> class ChunkParams(Params):
    ...     chunk_size: int = Field(512, ge=1, description="samples of all channels")
    >>> accepted_fields(ChunkParams)[0].form
    'an integer >= 1'
    """
    return fields_of(schema_of(model))


def fields_of(schema: Schema) -> tuple[AcceptedField, ...]:
    """Return every field of a schema, in its order."""
    required = schema.get("required", ())
    return tuple(
        AcceptedField(
            name,
            accepted_form(field, schema),
            None if name in required else json.dumps(field.get("default")),
            field.get("description", ""),
        )
        for name, field in schema.get("properties", {}).items()
    )


def schema_of(model: type[BaseModel]) -> Schema:
    """Return the JSON schema of a model; empty if one of its types has no schema.

    Fields have their defined names, unless the model accepts only their aliases.
    """
    by_alias = not model.model_config.get("validate_by_name", False)
    try:
        return model.model_json_schema(by_alias=by_alias)
    except PydanticInvalidForJsonSchema:
        return {}


def accepted_form(schema: Schema, root: Schema | None = None) -> str:
    """Return the accepted values of a schema, in words.

    Args:
        schema: of the value.
        root: the schema that has the definitions which `schema` refers to.

    >>> accepted_form({"type": "integer", "minimum": 1, "maximum": 10000})
    'an integer from 1 to 10000'
    >>> accepted_form({"anyOf": [{"const": "auto"}, {"type": "number", "exclusiveMinimum": 0}]})
    '"auto" or a number > 0'
    """
    return _form(resolved(schema, root or {}), root or {}, 0)


def resolved(schema: Schema, root: Schema) -> Schema:
    """Resolve the reference of a schema; keys beside the reference override the definition."""
    for _ in range(20):  # a longer chain of references is an endless one
        reference = schema.get("$ref")
        if reference is None:
            break
        definition = root.get("$defs", {}).get(reference.rpartition("/")[2], {})
        schema = {**definition, **{key: schema[key] for key in schema if key != "$ref"}}
    return schema


def states_its_form(schema: Schema) -> bool:
    """Return whether a field, or one of its options, gives its accepted form in its own words."""
    return ACCEPTED in schema or any(ACCEPTED in option for option in schema.get("anyOf", ()))


def _form(schema: Schema, root: Schema, depth: int) -> str:
    if ACCEPTED in schema:
        return str(schema[ACCEPTED])
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False)
    if "enum" in schema:
        return _one_of([json.dumps(value, ensure_ascii=False) for value in schema["enum"]])
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        inner = (_form(resolved(option, root), root, depth + 1) for option in options)
        return _one_of(list(dict.fromkeys(inner)))
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return _number(schema, "an integer" if kind == "integer" else "a number")
    if kind == "string":
        return _text(schema)
    if kind == "array":
        return _list(schema, root, depth)
    if kind == "object":
        return _object(schema, root, depth)
    return {"boolean": "true or false", "null": "null"}.get(str(kind), "any value")


def _number(schema: Schema, noun: str) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        text = f"{noun} from {low} to {high}"
    else:
        bounds = [(">=", low), (">", above), ("<=", high), ("<", below)]
        limits = " and ".join(f"{sign} {bound}" for sign, bound in bounds if bound is not None)
        text = f"{noun} {limits}".strip()
    multiple = schema.get("multipleOf")
    return text if multiple is None else f"{text}, a multiple of {multiple}"


def _text(schema: Schema) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    text = f"text{_count(schema, 'Length', 'character')}"
    if "pattern" in schema:
        text += f" that matches {schema['pattern']}"
    return text


def _list(schema: Schema, root: Schema, depth: int) -> str:
    text = f"a list{_count(schema, 'Items', 'item')}"
    items = schema.get("items")
    if isinstance(items, Mapping) and items and depth < 3:
        each = _form(resolved(items, root), root, depth + 1)
        text += f", each item {each}"
    return text


def _object(schema: Schema, root: Schema, depth: int) -> str:
    values = schema.get("additionalProperties")
    if isinstance(values, Mapping) and values and "properties" not in schema and depth < 3:
        return f"an object, each value {_form(resolved(values, root), root, depth + 1)}"
    return "an object"


def _count(schema: Schema, what: str, noun: str) -> str:
    low, high = schema.get(f"min{what}") or 0, schema.get(f"max{what}")
    if high is None:
        return f" of at least {low} {noun}s" if low > 1 else " that is not empty" * low
    if low == high:
        return f" of {low} {noun}s"
    return f" of {low} to {high} {noun}s" if low else f" of at most {high} {noun}s"


def _one_of(forms: list[str]) -> str:
    # "null" is easiest to read at the end, wherever the type has it.
    forms = [form for form in forms if form != "null"] + [form for form in forms if form == "null"]
    return " or ".join(part for part in (", ".join(forms[:-1]), forms[-1]) if part)


def properties_of(schema: Schema, root: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield the named fields of a schema and of its options."""
    schema = resolved(schema, root)
    yield from schema.get("properties", {}).items()
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from properties_of(option, root)
