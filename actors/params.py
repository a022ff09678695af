"""Typed parameters of an actor."""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = ["Field", "NoParams", "Params"]

_JSON_TYPES: Final = (str, int, float, bool, type(None))


class Params(BaseModel):
    """The parameters of an actor: one annotated field each, with default, bounds and description.

    Values are checked strictly (no text for a number), unknown names are refused, and camelCase
    names are accepted beside snake_case ones. The check runs before any process is started.

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

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Accept defaults that are no JSON values, such as a Path or a member of an enum.

        Params are checked by the rules of JSON, where a path is text: a default that is a Path
        would be refused. It is checked when the actor class is loaded instead.
        """
        super().__pydantic_init_subclass__(**kwargs)
        unchecked = [
            field
            for field in cls.model_fields.values()
            if field.default_factory is not None
            or not (field.is_required() or isinstance(field.default, _JSON_TYPES))
        ]
        if any(field.validate_default is not False for field in unchecked):
            for field in unchecked:
                field.validate_default = False
            cls.model_rebuild(force=True, raise_errors=False)


class NoParams(Params):
    """The params of an actor that takes none."""
