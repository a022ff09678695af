"""Checks the params of a node before anything is started."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actors import Params

from ..documents import Problem, check


@dataclass(frozen=True, slots=True)
class ParamsCheck:
    """The outcome of a check.

    Attributes:
        values: as given, each under its name in snake_case.
        problems: all of them; their paths begin at the params.
    """

    values: Mapping[str, Any]
    problems: tuple[Problem, ...]


def check_params(params_type: type[Params], given: Mapping[str, Any]) -> ParamsCheck:
    """Check the params that a manifest gives a node.

    The values are returned as given, without defaults: the process of the actor validates the same
    values again.

    >>> from actors import Field
    >>> class ChunkParams(Params):
    ...     chunk_size: int = Field(512, ge=1)
    >>> check_params(ChunkParams, {"chunkSize": 256}).values
    {'chunk_size': 256}
    """
    names = _names_by_alias(params_type)
    problems: list[Problem] = []
    as_given = dict(given)
    for alias, name in names.items():
        if alias in given and name in given:
            problems.append(Problem((alias,), f"is given as {name} too; keep one of them"))
            del as_given[alias]
    problems += check(params_type, as_given, noun="param").problems
    values = {names.get(key, key): value for key, value in as_given.items()}
    return ParamsCheck(values, tuple(problems))


def _names_by_alias(params_type: type[Params]) -> dict[str, str]:
    return {
        field.alias: name
        for name, field in params_type.model_fields.items()
        if field.alias is not None and field.alias != name
    }
