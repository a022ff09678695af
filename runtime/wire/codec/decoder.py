"""Strict reading of messages: what the official runtime accepts and refuses."""

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import betterproto2

from .errors import DecodeError, MalformedError
from .fields import Field, MessageType, fields_of
from .reader_source import source_of
from .wire_format import (
    MAX_DEPTH,
    TOO_DEEP,
    TOO_SHORT,
    read_length,
    read_tag,
    read_varint,
    skip_field,
)

M = TypeVar("M", bound=betterproto2.Message)


class Decoder:
    """Makes messages of bytes, by functions that it compiles for each class when first needed.

    The functions of all classes share one namespace, where they find each other: `new_KEY` makes
    an empty message, as the class's constructor would, `read_KEY` reads into one. The source is in
    `reader_source`. Until a class is needed, its `new_KEY` is one that compiles both.

    Args:
        of_views: whether it reads memoryviews; else bytes.
    """

    def __init__(self, *, of_views: bool = False) -> None:
        self._of_views = of_views
        self._keys: dict[MessageType, int] = {}
        self._namespace: dict[str, Any] = dict(_NAMES)
        self._readers: dict[MessageType, tuple[Callable[..., Any], Callable[..., None]]] = {}
        self._not_compiled: dict[int, tuple[MessageType, str]] = {}

    def decode(self, data: bytes | memoryview, message_type: type[M]) -> M:
        """Return the message; see `Codec.decode`."""
        try:
            new, read = self._readers[message_type]
        except KeyError:
            new, read = self._reader(message_type)
        message: M = new()
        read(message, data, 0, len(data), MAX_DEPTH, False)
        return message

    def prepare(self, message_type: MessageType) -> None:
        """Compile what reads a class, and all classes that it holds."""
        self._reader(message_type)
        while self._not_compiled:
            self._compile(next(iter(self._not_compiled)))

    def _reader(self, message_type: MessageType) -> tuple[Callable[..., Any], Callable[..., None]]:
        key = self._key(message_type, message_type.__name__)
        if key in self._not_compiled:
            self._compile(key)
        found = self._namespace[f"new_{key}"], self._namespace[f"read_{key}"]
        self._readers[message_type] = found
        return found

    def _key(self, message_type: MessageType, title: str) -> int:
        """Return the number of a class in the namespace, and make a place for it there."""
        if message_type in self._keys:
            return self._keys[message_type]
        key = self._keys[message_type] = len(self._keys)
        self._not_compiled[key] = message_type, title

        def new() -> Any:
            self._compile(key)
            return self._namespace[f"new_{key}"]()

        self._namespace[f"new_{key}"] = new
        return key

    def _compile(self, key: int) -> None:
        message_type, title = self._not_compiled[key]
        fields = fields_of(message_type)
        self._namespace[f"class_{key}"] = message_type
        self._namespace[f"fault_{key}"] = _faults_of(title, fields)
        for field in fields:
            if field.proto_type == betterproto2.TYPE_ENUM:
                self._namespace[f"members_{key}_{field.number}"] = EnumMembers(field.held_type)

        def key_of(field: Field) -> int:
            is_map = field.proto_type == betterproto2.TYPE_MAP
            inner = f"{title}.{field.name}" if is_map else field.held_type.__name__
            return self._key(field.held_type, inner)

        source = source_of(key, fields, key_of, of_views=self._of_views)
        exec(compile(source, f"<reader of {title}>", "exec"), self._namespace)  # noqa: S102 (ours)
        del self._not_compiled[key]


class EnumMembers(dict[int, Any]):
    """The members of an enum by their numbers on the wire; of unknown numbers it makes new ones."""

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


def _unpack_all(
    data: bytes | memoryview, position: int, length: int, size: int, form: str
) -> tuple[Any, ...]:
    count, rest = divmod(length, size)
    if rest:
        raise MalformedError(f"a list of {size}-byte values in {length} bytes")
    return struct.unpack_from(f"<{count}{form}", data, position)


def _keep_unknown(message: Any, pieces: list[bytes]) -> None:
    if not message._unknown_fields:
        message._unknown_fields = b"".join(pieces)
        return
    # Each part of a split message may bring some; with bytes, every part would copy all before it.
    if isinstance(message._unknown_fields, bytes):
        message._unknown_fields = bytearray(message._unknown_fields)
    message._unknown_fields += b"".join(pieces)


def _faults_of(title: str, fields: list[Field]) -> Callable[[bytes, int, Exception], DecodeError]:
    names = {field.number: field.name for field in fields}

    def fault(data: bytes | memoryview, start: int, error: Exception) -> DecodeError:
        return _fault(title, names, data, start, error)

    return fault


def _fault(
    title: str, names: Mapping[int, str], data: bytes | memoryview, start: int, error: Exception
) -> DecodeError:
    """Return what is told of the field that begins at `start`."""
    try:
        name = names.get(read_tag(data, start)[0] >> 3, "")
    except (IndexError, MalformedError):
        name = ""
    if isinstance(error, UnicodeDecodeError):
        return DecodeError(title, name, start, f"text that is not UTF-8: {error.reason}")
    return DecodeError(
        title, name, start, TOO_SHORT if isinstance(error, IndexError) else str(error)
    )


_NAMES: Final[Mapping[str, Any]] = {
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
"""What the compiled functions use beside each other."""
