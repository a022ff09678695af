"""Typed parameters of an actor."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = ["Field", "NoParams", "Params"]


class Params(BaseModel):
    """The parameters of an actor: one annotated field each, with its default, range and doc.

    Values are checked strictly (no text for a number), unknown names are refused, and camelCase
    names are taken beside snake_case ones. The check runs before any process is started.

    >>> class GainParams(Params):
    ...     gain: float = Field(1.0, ge=0, description="linear factor")
    >>> GainParams(gain=2).gain
    2.0
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        validate_default=True,
        protected_namespaces=(),
    )


class NoParams(Params):
    """What an actor has that takes no parameters."""
