"""Rules of RouteNode: conditions on an item's kind, its metadata, or a field of its JSON."""

from typing import Final, Self

from pydantic import model_validator

from ..data import Data, Json
from ..params import Field, Params
from ._small_json import small_value

Scalar = str | int | float | bool | None

_ABSENT: Final = object()


class RouteRule(Params):
    """One rule: the reader, and the conditions that an item must all fulfil."""

    to: str = Field(
        min_length=1,
        max_length=1000,
        description="id of the node that gets the item",
        json_schema_extra={"format": "reader-id"},
    )
    kind: str = Field(
        "",
        pattern="^(|audio|video|tensor|json|text|binary|numpy|file|bundle)$",
        description="the item's kind; empty: any",
    )
    field: str = Field(
        "",
        max_length=1000,
        description='the field of a JSON item to compare, such as "user.name" or "words.0"',
    )
    metadata: str = Field(
        "", max_length=1000, description="the key of the item's metadata to compare"
    )
    equals: list[Scalar] = Field(
        [],
        max_length=1000,
        description="the values of which it must be one; empty: it must be there",
    )
    at_least: float | None = Field(None, description="the smallest number that it may be")
    below: float | None = Field(None, description="the number that it must be less than")

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if self.field and self.metadata:
            raise ValueError("give field or metadata, not both")
        compares = self.equals or self.at_least is not None or self.below is not None
        if compares and not (self.field or self.metadata):
            raise ValueError("equals, at_least and below need a field or metadata to compare")
        return self

    def matches(self, item: Data) -> bool:
        """Return whether an item fulfils the rule.

        Raises:
            DataError: the JSON is too long to be read here, or is none.
        """
        if self.kind and item.kind.value != self.kind:
            return False
        if not (self.field or self.metadata):
            return True
        value = self._value(item)
        if value is _ABSENT:
            return False
        if self.equals and not any(_is_same(value, each) for each in self.equals):
            return False
        return self._is_in_range(value)

    def _value(self, item: Data) -> object:
        if self.metadata:
            return item.metadata.get(self.metadata, _ABSENT)
        return _field(small_value(item), self.field) if isinstance(item, Json) else _ABSENT

    def _is_in_range(self, value: object) -> bool:
        if self.at_least is None and self.below is None:
            return True
        number = _number(value)
        if number is None:
            return False
        return (self.at_least is None or number >= self.at_least) and (
            self.below is None or number < self.below
        )


def _field(value: object, path: str) -> object:
    """Return a field of a JSON value by its dotted path; `_ABSENT` if there is none."""
    for part in path.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return _ABSENT
    return value


def _is_same(value: object, wanted: Scalar) -> bool:
    """Return whether two JSON values are equal; true is no number."""
    return isinstance(value, bool) is isinstance(wanted, bool) and value == wanted


def _number(value: object) -> float | None:
    """Return a number, also of a metadata's text; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
