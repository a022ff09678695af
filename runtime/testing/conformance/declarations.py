"""Checks of an actor's declarations: its kinds, its hooks, its params."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Final

from actors import Actor, Kind

from ...catalogue import check_params as check_given
from ...documents import Schema, accepted_form, resolved, schema_of, shown
from .subject import Subject, raised

# No field of an actor accepts this.
_INVALID: Final = {"no such": ["value"]}


def check_kinds(subject: Subject) -> list[str]:
    """Check that kinds and hooks are declared in the form that the runtime expects."""
    return list(_kind_violations(subject.actor_type))


def check_params(subject: Subject) -> list[str]:
    """Check that invalid params are refused, before anything starts."""
    return list(_param_violations(subject))


def _kind_violations(actor: type[Actor[Any]]) -> Iterator[str]:
    for name in ("accepts", "produces"):
        kinds = getattr(actor, name)
        is_set = isinstance(kinds, frozenset) and all(isinstance(kind, Kind) for kind in kinds)
        if not is_set or not (kinds or (actor.is_source and name == "accepts")):
            yield f"{name} is {kinds!r}; expected a frozenset of Kind, such as {{Kind.AUDIO}}"
    if not actor.can_process():
        yield "it has no process(), and no generate()"
    for name, arguments in (("initialize", 0), ("process", 1), ("flush", 0), ("cleanup", 0)):
        hook = inspect.signature(getattr(actor, name))
        try:
            hook.bind(*[None] * (arguments + 1))
        except TypeError as error:
            yield f"{name}{hook} cannot be called with {arguments} arguments: {error}"


def _param_violations(subject: Subject) -> Iterator[str]:
    params_type, given = subject.actor_type.params_type, dict(subject.params)
    problems = check_given(params_type, given).problems
    if problems:
        yield f"the params of the check are refused: {problems[0].message}"
        return
    try:
        subject.make()
    except Exception as error:  # noqa: BLE001 (the author's code may raise anything)
        yield f"__init__() raised {raised(error)}; get ready in initialize()"
    schema = schema_of(params_type)
    fields: Mapping[str, Schema] = schema.get("properties", {})
    if params_type.model_fields and not fields:
        yield "its params have no JSON schema, so no manifest can be checked: use plain types"
    if not check_given(params_type, {**given, "no_such_param": 1}).problems:
        yield "an unknown param is not refused: keep model_config of actors.Params"
    for name, field in fields.items():
        for value in _wrong_values(resolved(field, schema), schema):
            checked = check_given(params_type, {**given, name: value})
            if not checked.problems:
                form = accepted_form(field, schema)
                yield f"param {name}: {shown(value)} is not refused, though it expects {form}"
            elif "raised" in checked.problems[0].message:
                yield f"param {name}: {checked.problems[0].message}; raise ValueError"


def _wrong_values(field: Schema, root: Schema) -> Iterator[object]:
    """Yield values that a field's own schema excludes."""
    kinds = {resolved(each, root).get("type") for each in (field, *field.get("anyOf", ()))}
    if "object" not in kinds and kinds != {None}:
        yield _INVALID
    if field.get("type") in ("integer", "number"):
        if "minimum" in field:
            yield field["minimum"] - _step(field["minimum"])
        if "maximum" in field:
            yield field["maximum"] + _step(field["maximum"])
        yield "7"
    if "enum" in field:
        yield "no such choice"


def _step(bound: float) -> float:
    """Return what leads beyond a bound; 1 is lost in a large float."""
    return max(1, abs(bound))
