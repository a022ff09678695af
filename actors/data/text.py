"""Text and JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, NoReturn, Self

import numpy as np

from ..errors import DataError
from ..kinds import Kind
from ._base import NO_METADATA, Data, check_text

DEFAULT_CHANNEL: Final = "tts"
"""The channel of a text that names none."""

_MOST_SHOWN: Final = 80


@dataclass(frozen=True, slots=True, eq=False)
class Text(Data):
    """A piece of text.

    Attributes:
        text: any text that can be encoded as UTF-8.
        language: a tag such as "en-US"; empty if not given.
        channel: the purpose of the text: empty or "tts" to be spoken, "ui" to be shown.

    Raises:
        DataError: not text, or text with half of a surrogate pair.
    """

    kind: ClassVar[Kind] = Kind.TEXT

    text: str
    language: str = ""
    channel: str = ""
    encoding: str = ""

    def __post_init__(self) -> None:
        """Check."""
        super(Text, self).__post_init__()
        check_text("a text", self.text)
        check_text("a text's language", self.language)
        check_text("a text's channel", self.channel)
        check_text("a text's encoding", self.encoding)

    def __str__(self) -> str:
        """Return the text."""
        return self.text


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Json(Data):
    """A JSON value, kept as its text, so that no reader can change it for another one.

    NaN and infinity are no JSON values: an item cannot be made of them, and text that has them is
    not valid.

    >>> item = Json({"value": 3})
    >>> item.value["value"]
    3
    >>> Json.from_text('[1, 2]').value
    [1, 2]
    """

    kind: ClassVar[Kind] = Kind.JSON

    text: str
    schema_type: str = ""

    def __init__(
        self, value: object, schema_type: str = "", *, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Make an item of `value`: dicts, lists, text, numbers, booleans, None; numpy scalars too.

        Raises:
            DataError: `value` has no JSON form (an object, NaN, infinity, a cycle).
        """
        try:
            text = json.dumps(value, allow_nan=False, ensure_ascii=False, default=_plain)
        except (TypeError, ValueError, RecursionError) as error:
            raise DataError(f"a JSON item cannot carry this value: {_reason(error)}") from error
        self._fill(text, schema_type, metadata)

    @classmethod
    def from_text(
        cls, text: str, schema_type: str = "", *, metadata: Mapping[str, str] | None = None
    ) -> Self:
        """Make an item of JSON text without a change; it is parsed when `value` is read."""
        item = cls.__new__(cls)
        item._fill(text, schema_type, metadata)
        return item

    @property
    def value(self) -> object:
        """The value, parsed anew at every call: it is yours to change.

        Raises:
            DataError: the text is not JSON.
        """
        try:
            return _DECODER.decode(self.text)
        except (ValueError, RecursionError) as error:
            cut = self.text[: _MOST_SHOWN - 3] + "..."
            shown = self.text if len(self.text) <= _MOST_SHOWN else cut
            reason = "nested too deeply" if isinstance(error, RecursionError) else error
            raise DataError(f"not JSON ({reason}): {shown}") from error

    def _with(self, metadata: Mapping[str, str]) -> Self:
        return type(self).from_text(self.text, self.schema_type, metadata=metadata)

    def _fill(self, text: str, schema_type: str, metadata: Mapping[str, str] | None) -> None:
        check_text("JSON text", text)
        check_text("schema_type", schema_type)
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "schema_type", schema_type)
        object.__setattr__(self, "metadata", NO_METADATA if metadata is None else metadata)
        self.__post_init__()


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _reason(error: Exception) -> str:
    """Return why a value has no JSON form; the json library's texts name no value."""
    text = str(error)
    if text.startswith("Out of range"):
        return "it has a number that is not finite (NaN or infinity); None can stand for it"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if text.startswith("Circular"):
        return "it contains itself"
    return text


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a finite number")


# Made once: json.loads makes a new decoder at each call that has an option.
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
