"""The base of every table of runtime.toml: strict values, and where each came from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr

from ..documents import ACCEPTED

Text = Annotated[str, Field(min_length=1)]

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _checked_name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ValueError("a name here has 1 to 64 letters, digits, _ and -")
    return name


Name = Annotated[str, AfterValidator(_checked_name)]
"""The operator's name of an entry, which a manifest or a URL may have: the key of a mapping."""

HttpUrl = Annotated[
    str,
    # Without user and password: a secret does not belong into runtime.toml, which is shown.
    Field(
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$",
        json_schema_extra={
            ACCEPTED: 'a URL such as "http://127.0.0.1:8080/v1" without user and query'
        },
    ),
]


class Source(IntEnum):
    """Where a value comes from. A higher source overrides a lower one."""

    DEFAULT = 0
    CODE = 1
    RUNTIME_TOML = 2
    ENVIRONMENT = 3
    COMMAND_LINE = 4
    MANIFEST = 5

    @property
    def label(self) -> str:
        """The name of the source for people and for scripts.

        >>> Source.COMMAND_LINE.label
        'command line'
        """
        return _LABELS.get(self, self.name.lower().replace("_", " "))


_LABELS: Final = {Source.RUNTIME_TOML: "runtime.toml"}


@dataclass(frozen=True, slots=True)
class Origin:
    """The place where a value was set.

    Attributes:
        source: the kind of place.
        name: the option, the variable, or the path of the file; empty if the source has no name.
    """

    source: Source
    name: str = ""


class Section(BaseModel):
    """A table of settings: strict types, frozen, unknown keys are refused.

    A section knows the origin of each of its values. Two sections are equal if their values are,
    wherever these come from.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, validate_default=True
    )

    _origins: Mapping[str, Origin] = PrivateAttr(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        """Compare the values."""
        return (
            isinstance(other, Section)
            and type(self) is type(other)
            and self.__dict__ == other.__dict__
            and self.__pydantic_extra__ == other.__pydantic_extra__
        )

    def origin(self, name: str) -> Origin:
        """Return where the value of a setting comes from."""
        if name in self._origins:
            return self._origins[name]
        return Origin(Source.CODE if name in self.model_fields_set else Source.DEFAULT)

    def override(self, name: str, value: Any, origin: Origin) -> Self:
        """Return a section with another value, unless the present one comes from a higher source.

        Args:
            name: of the setting.
            value: valid for the setting; it is not checked again.
            origin: where the value comes from.
        """
        if self.origin(name).source > origin.source:
            return self
        return self.model_copy(update={name: value}).with_origins({name: origin})

    def with_origins(self, origins: Mapping[str, Origin]) -> Self:
        """Return a copy that knows the origins of some of its values."""
        copy = self.model_copy()
        # A new mapping: model_copy shares the private attributes of the original.
        copy._origins = {**self._origins, **origins}
        return copy
