"""Strict reading of messages: accept and refuse what the official runtime does, within limits."""

import struct
from collections.abc import Callable, Mapping
from itertools import islice, repeat
from typing import Any, Final, TypeVar

import betterproto2

from .errors import DecodeError, ExcessError, MalformedError, MessageLimitError
from .fields import Field, MessageType, fields_of
from .reader_source import source_of
from .wire_format import (
    MAX_DEPTH,
    TOO_DEEP,
    TOO_SHORT,
    Budget,
    read_length,
    read_tag,
    read_varint,
    skip_field,
)

M = TypeVar("M", bound=betterproto2.Message)

Reader = Callable[[bytes | memoryview, int, int, int, Budget, Any], Any]


class Decoder:
    """Makes messages of bytes, by functions that it compiles for each class when first needed.

    The functions of all classes share one namespace, where they find each other: `read_KEY` reads a
    message of one class. The source is in `reader_source`. Until a class is needed, its `read_KEY`
    is a function that compiles it.

    Args:
        most_fields: of one message, with everything nested in it.
        of_views: whether it reads memoryviews; else bytes.
    """

    def __init__(self, *, most_fields: int, of_views: bool = False) -> None:
        self._most_fields = most_fields
        self._of_views = of_views
        self._keys: dict[MessageType, int] = {}
        self._namespace: dict[str, Any] = dict(_NAMES)
        self._readers: dict[MessageType, Reader] = {}
        self._not_compiled: dict[int, tuple[MessageType, str]] = {}

    def decode(self, data: bytes | memoryview, message_type: type[M]) -> M:
        """Return the message; see `Codec.decode`."""
        try:
            read = self._readers[message_type]
        except KeyError:
            read = self._reader(message_type)
        message: M = read(data, 0, len(data), MAX_DEPTH, repeat(None, self._most_fields), None)
        return message

    def decode_within(
        self, fields: int, data: bytes | memoryview, message_type: type[M]
    ) -> M | None:
        """Return the message, or None if it has more fields than this, where it may have more."""
        read = self._readers.get(message_type) or self._reader(message_type)
        budget = repeat(None, min(fields, self._most_fields))
        try:
            message: M = read(data, 0, len(data), MAX_DEPTH, budget, None)
        except MessageLimitError:
            if fields >= self._most_fields or not _is_spent(budget):
                raise
            return None
        return message

    def prepare(self, message_type: MessageType) -> None:
        """Compile the function that reads a class, and those of all classes that it holds."""
        self._reader(message_type)
        while self._not_compiled:
            self._compile(next(iter(self._not_compiled)))

    def _reader(self, message_type: MessageType) -> Reader:
        key = self._key(message_type, message_type.__name__)
        if key in self._not_compiled:
            self._compile(key)
        found: Reader = self._namespace[f"read_{key}"]
        self._readers[message_type] = found
        return found

    def _key(self, message_type: MessageType, title: str) -> int:
        """Return the number of a class in the namespace, and make a place for it there."""
        if message_type in self._keys:
            return self._keys[message_type]
        key = self._keys[message_type] = len(self._keys)
        self._not_compiled[key] = message_type, title

        def read(*arguments: Any) -> Any:
            self._compile(key)
            return self._namespace[f"read_{key}"](*arguments)

        self._namespace[f"read_{key}"] = read
        return key

    def _compile(self, key: int) -> None:
        message_type, title = self._not_compiled[key]
        fields = fields_of(message_type)
        self._namespace[f"class_{key}"] = message_type
        self._namespace[f"error_{key}"] = _errors_of(title, fields, self._most_fields)
        titles: dict[MessageType, str] = {}
        for field in fields:
            if field.proto_type == betterproto2.TYPE_ENUM:
                self._namespace[f"members_{key}_{field.number}"] = EnumMembers(field.held_type)
            if field.proto_type == betterproto2.TYPE_MAP:  # all entry classes have the same name
                titles[field.held_type] = f"{title}.{field.name}"

        def key_of(held: MessageType) -> int:
            return self._key(held, titles.get(held, held.__name__))

        source = source_of(key, fields, key_of, of_views=self._of_views)
        exec(compile(source, f"<reader of {title}>", "exec"), self._namespace)  # noqa: S102 (ours)
        del self._not_compiled[key]


class EnumMembers(dict[int, Any]):
    """The members of an enum by their numbers on the wire; unknown numbers get new members."""

    def __init__(self, enum: type[Any]) -> None:
        super().__init__({member.value: member for member in enum})
        self._enum = enum

    def __missing__(self, number: int) -> Any:
        """Return the member of a number that was not cut to 32 bits yet, or is unknown."""
        number = _signed32(number)
        # Asking the class itself takes five times as long, and strangers may send millions.
        return self[number] if number in self else self._enum._missing_(number)


def _signed32(number: int) -> int:
    return ((number & 0xFFFFFFFF) ^ 1 << 31) - (1 << 31)


def _zigzag(number: int) -> int:
    return number >> 1 ^ -(number & 1)


def _is_spent(budget: Budget) -> bool:
    return next(budget, budget) is budget


def _unpack_all(
    data: bytes | memoryview, position: int, length: int, size: int, form: str, budget: Budget
) -> tuple[Any, ...]:
    count, rest = divmod(length, size)
    if rest:
        raise MalformedError(f"a list of {size}-byte values in {length} bytes")
    if count and sum(1 for _ in islice(budget, count)) < count:
        raise ExcessError
    return struct.unpack_from(f"<{count}{form}", data, position)


def _keep_unknown(message: Any, piece: bytes | memoryview) -> None:
    """Add a field to the unknown ones of a message."""
    if not message._unknown_fields:
        message._unknown_fields = bytes(piece)
        return
    # With bytes, each further field would copy all before it.
    if isinstance(message._unknown_fields, bytes):
        message._unknown_fields = bytearray(message._unknown_fields)
    message._unknown_fields += piece


ErrorOf = Callable[[bytes | memoryview, int, Exception], DecodeError]


def _errors_of(title: str, fields: list[Field], most_fields: int) -> ErrorOf:
    """Return the function that makes the errors of one class."""
    names = {field.number: field.name for field in fields}

    def error_of(data: bytes | memoryview, start: int, error: Exception) -> DecodeError:
        if isinstance(error, ExcessError) and not str(error):
            error = ExcessError(f"more than {most_fields} fields in one message")
        return _error(title, names, data, start, error)

    return error_of


def _error(
    title: str, names: Mapping[int, str], data: bytes | memoryview, start: int, error: Exception
) -> DecodeError:
    """Return the error for the field that begins at `start`."""
    try:
        name = names.get(read_tag(data, start)[0] >> 3, "")
    except (IndexError, MalformedError):
        name = ""
    if isinstance(error, UnicodeDecodeError):
        return DecodeError(title, name, start, f"text that is not UTF-8: {error.reason}")
    if isinstance(error, ExcessError):
        return MessageLimitError(title, name, start, str(error))
    return DecodeError(
        title, name, start, TOO_SHORT if isinstance(error, IndexError) else str(error)
    )


_NAMES: Final[Mapping[str, Any]] = {
    "ExcessError": ExcessError,
    "MalformedError": MalformedError,
    "TOO_DEEP": TOO_DEEP,
    "TOO_SHORT": TOO_SHORT,
    "keep_unknown": _keep_unknown,
    "new": object.__new__,
    "read_length": read_length,
    "read_tag": read_tag,
    "read_varint": read_varint,
    "signed32": _signed32,
    "skip_field": skip_field,
    "unpack_all": _unpack_all,
    "zigzag": _zigzag,
    **{f"unpack_{form}": struct.Struct(f"<{form}").unpack_from for form in "IQdfiq"},
}
"""The names that the compiled functions use beside each other."""
