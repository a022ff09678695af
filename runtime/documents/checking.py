"""Checks a value against a pydantic model; every problem names the accepted form."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_snake
from pydantic_core import ErrorDetails

from .accepted_forms import (
    Schema,
    accepted_form,
    properties_of,
    resolved,
    schema_of,
    states_its_form,
)
from .document import Path, Problem
from .suggestions import did_you_mean

M = TypeVar("M", bound=BaseModel)

# Errors whose text comes from the author of a validator.
_AUTHORED: Final = frozenset({"value_error", "assertion_error"})
# pydantic collects every fault before it returns; more than these would only cost time.
_MOST_PROBLEMS: Final = 200
# Of a URL: user and password, to the last @ before the path; and the query, which may hold a key.
_USER: Final = re.compile(r"(://)[^\s/?#\"]*@")
_QUERY: Final = re.compile(r"(://[^\s?#\"]*\?)[^\s#\"]+")


@dataclass(frozen=True, slots=True)
class CheckResult(Generic[M]):
    """The outcome of a check.

    Attributes:
        model: None if there are problems.
        problems: every one, each with the path of the value and the accepted form.
    """

    model: M | None
    problems: tuple[Problem, ...]


def check(model: type[M], value: object, *, noun: str = "key") -> CheckResult[M]:
    """Check a value by the rules of JSON: no text for a number, no number for true or false.

    Args:
        model: of the valid values.
        value: plain, as of a document.
        noun: the word for a field in messages.

    >>> from actors import Field, Params
    >>> class ChunkParams(Params):
    ...     chunk_size: int = Field(512, ge=1)
    >>> check(ChunkParams, {"chunk_size": "abc"}).problems[0].message
    'got "abc"; expected an integer >= 1 (default 512)'
    """
    try:
        return CheckResult(model.model_validate_json(json.dumps(value)), ())
    except ValidationError as error:
        return CheckResult(None, _problems(error, schema_of(model), value, noun))
    except Exception as error:  # noqa: BLE001 (a validator is its author's code)
        message = f"the check of {model.__name__} raised {type(error).__name__}: {error}"
        return CheckResult(None, (Problem((), message),))


def shown(value: object) -> str:
    """Return a value as JSON, cut to 60 characters. Messages are logged: secrets of URLs are not.

    >>> shown({"a": [None, True]})
    '{"a": [null, true]}'
    """
    text = json.dumps(value, ensure_ascii=False, default=repr)
    text = text if text.isprintable() else json.dumps(value, default=repr)
    if "://" in text:
        text = _QUERY.sub(r"\1***", _USER.sub(r"\1***@", text))
    return text if len(text) <= 60 else f"{text[:56]} ..."


def _problems(
    error: ValidationError, schema: Schema, value: object, noun: str
) -> tuple[Problem, ...]:
    problems: dict[Path, Problem] = {}
    for detail in error.errors(include_url=False)[:_MOST_PROBLEMS]:
        if _is_echo(detail):
            continue
        problem = _problem(detail, schema, value, noun)
        # A union reports each of its options; the accepted form covers all of them in one message.
        problems.setdefault(problem.path, problem)
    return tuple(problems.values())


def _is_echo(detail: ErrorDetails) -> bool:
    """Return whether a list is reported as too short only because its items are wrong themselves.

    pydantic does not count wrong items.
    """
    least, given = detail.get("ctx", {}).get("min_length"), detail["input"]
    return detail["type"] == "too_short" and isinstance(given, list) and len(given) >= (least or 0)


def _problem(detail: ErrorDetails, root: Schema, value: object, noun: str) -> Problem:
    kind, location = detail["type"], detail["loc"]
    path, owner = _descend(location[:-1], root)
    is_named = len(path) == len(location) - 1
    if kind == "extra_forbidden" and is_named:
        word = str(location[-1])
        known = [name for name, _ in properties_of(owner, root)]
        hint = did_you_mean(word, known, or_else=f"known {noun}s")
        return Problem((*path, word), f"unknown {noun}; {hint}")
    path, schema = _descend(location, root)
    if kind == "missing" and is_named:
        return Problem(path, f"is missing; expected {_expected(schema, root)}")
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.replace("Input should", "it should")
    if (kind in _AUTHORED and not states_its_form(schema)) or not schema or kind == "json_invalid":
        return Problem(path, f"got {shown(_at(value, path))}; {message}" if path else message)
    return Problem(path, f"got {shown(_at(value, path))}; expected {_expected(schema, root)}")


def _descend(location: tuple[int | str, ...], root: Schema) -> tuple[Path, Schema]:
    """Follow the location of an error as far as it names fields and items.

    The rest of a location names options of a union, which are not in the document.
    """
    schema, path = root, list[str | int]()
    for step in location:
        found = _child(schema, step, root)
        if found is None:
            break
        schema = found
        path.append(step)
    return tuple(path), schema


def _child(schema: Schema, step: int | str, root: Schema) -> Schema | None:
    schema = resolved(schema, root)
    if isinstance(step, int):
        found = schema.get("items")
    else:
        fields = dict(properties_of(schema, root))
        found = fields.get(step, fields.get(to_snake(step), schema.get("additionalProperties")))
    if isinstance(found, Mapping):
        return resolved(found, root)
    options = (*schema.get("anyOf", ()), *schema.get("oneOf", ()))
    children = (_child(option, step, root) for option in options)
    return next((child for child in children if child is not None), None)


def _expected(schema: Schema, root: Schema) -> str:
    form = accepted_form(schema, root)
    default = schema.get("default")
    return form if default in (None, [], {}) else f"{form} (default {shown(default)})"


def _at(value: Any, path: Path) -> object:
    for step in path:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return None
    return value
