"""The description of a node type, in a form that can be stored and sent."""

import inspect
from collections.abc import Mapping
from typing import Any

import msgspec

from actors import Actor, Kind

from ...documents import Problem, schema_of
from ..params import ParamsCheck


class Description(msgspec.Struct, frozen=True):
    """The declarations of an actor class.

    Attributes:
        accepts, produces: kinds of data, by their names.
        doc: the docstring, without indentation.
        schema: the JSON schema of the params.
        is_source: whether it generates items, and has no inputs.
        stateless: whether the outputs of an item depend on this item only.
        is_batched: whether one call may process items of several sessions.
        moves_state: whether it can export and import its state.
        preload_params: that its `preload` reads; None if it has none.
    """

    accepts: list[str]
    produces: list[str]
    doc: str
    schema: dict[str, Any]
    is_source: bool
    stateless: bool
    is_batched: bool
    moves_state: bool
    preload_params: list[str] | None = None

    @property
    def takes(self) -> frozenset[Kind]:
        """The kinds that it accepts."""
        return frozenset(map(Kind, self.accepts))

    @property
    def gives(self) -> frozenset[Kind]:
        """The kinds that it produces."""
        return frozenset(map(Kind, self.produces))


class StoredCheck(msgspec.Struct, frozen=True):
    """The outcome of a check of params, in a form that can be stored and sent."""

    values: dict[str, Any]
    problems: list[tuple[list[str | int], str]]

    @classmethod
    def of(cls, checked: ParamsCheck) -> "StoredCheck":
        """Return the stored form."""
        problems = [(list(problem.path), problem.message) for problem in checked.problems]
        return cls(dict(checked.values), problems)

    def as_checked(self) -> ParamsCheck:
        """Return the outcome."""
        problems = tuple(Problem(tuple(path), message) for path, message in self.problems)
        values: Mapping[str, Any] = self.values
        return ParamsCheck(values, problems)


def describe_class(actor: type[Actor[Any]]) -> Description:
    """Return the description of an actor class."""
    has_preload = actor.preload.__func__ is not Actor.preload.__func__  # type: ignore[attr-defined]
    return Description(
        [kind.value for kind in Kind if kind in actor.accepts],
        [kind.value for kind in Kind if kind in actor.produces],
        inspect.cleandoc(actor.__doc__ or ""),
        dict(schema_of(actor.params_type)),
        actor.is_source,
        actor.stateless,
        actor.is_batched,
        actor.moves_state,
        sorted(actor.preload_params) if has_preload else None,
    )
