"""How the wire format writes each scalar type: its wire type, and its value as Python's."""

import struct
from collections.abc import Callable
from typing import Any, Final

import betterproto2

from .errors import MalformedError
from .wire import FIXED32, FIXED64, LENGTH_DELIMITED, VARINT, read_length, read_varint

Reader = Callable[[bytes, int, int], tuple[Any, int]]
"""Takes the data, where a value begins, and where its message ends; gives it, and its end."""

_MASK32: Final = 2**32 - 1
_MASK64: Final = 2**64 - 1


def _unsigned32(number: int) -> int:
    return number & _MASK32


def _unsigned64(number: int) -> int:
    return number & _MASK64


def _signed32(number: int) -> int:
    return ((number & _MASK32) ^ 2**31) - 2**31


def _signed64(number: int) -> int:
    return ((number & _MASK64) ^ 2**63) - 2**63


def _zigzag32(number: int) -> int:
    number &= _MASK32
    return number >> 1 ^ -(number & 1)


def _zigzag64(number: int) -> int:
    number &= _MASK64
    return number >> 1 ^ -(number & 1)


def _truth(number: int) -> bool:
    return number & _MASK64 != 0


_OF_VARINT: Final[dict[str, Callable[[int], Any]]] = {
    betterproto2.TYPE_UINT32: _unsigned32,
    betterproto2.TYPE_UINT64: _unsigned64,
    betterproto2.TYPE_INT32: _signed32,
    betterproto2.TYPE_INT64: _signed64,
    betterproto2.TYPE_SINT32: _zigzag32,
    betterproto2.TYPE_SINT64: _zigzag64,
    betterproto2.TYPE_BOOL: _truth,
}
_OF_FIXED: Final = {
    betterproto2.TYPE_FLOAT: struct.Struct("<f"),
    betterproto2.TYPE_FIXED32: struct.Struct("<I"),
    betterproto2.TYPE_SFIXED32: struct.Struct("<i"),
    betterproto2.TYPE_DOUBLE: struct.Struct("<d"),
    betterproto2.TYPE_FIXED64: struct.Struct("<Q"),
    betterproto2.TYPE_SFIXED64: struct.Struct("<q"),
}


def wire_type(proto_type: str) -> int:
    """Return how values of a type lie on the wire, where they are not packed."""
    if proto_type in _OF_FIXED:
        return FIXED32 if _OF_FIXED[proto_type].size == 4 else FIXED64
    if proto_type in _OF_VARINT or proto_type == betterproto2.TYPE_ENUM:
        return VARINT
    return LENGTH_DELIMITED


def reader(proto_type: str, enum: type[Any] | None = None) -> Reader:
    """Return what reads one value of the type, a member of `enum` where one is given.

    A reader raises MalformedError, IndexError or UnicodeDecodeError.
    """
    if proto_type in _OF_FIXED:
        return _fixed_reader(_OF_FIXED[proto_type])
    if proto_type == betterproto2.TYPE_STRING:
        return _read_text
    if proto_type == betterproto2.TYPE_BYTES:
        return _read_bytes
    if enum is not None:
        return _varint_reader(_enum_of(enum))
    return _varint_reader(_OF_VARINT[proto_type])


def _enum_of(enum: type[Any]) -> Callable[[int], Any]:
    def convert(number: int) -> Any:
        return enum(_signed32(number))

    return convert


def _varint_reader(convert: Callable[[int], Any]) -> Reader:
    def read(data: bytes, position: int, end: int) -> tuple[Any, int]:
        number, position = read_varint(data, position)
        return convert(number), position

    return read


def _fixed_reader(form: struct.Struct) -> Reader:
    def read(data: bytes, position: int, end: int) -> tuple[Any, int]:
        stop = position + form.size
        if stop > end:
            raise MalformedError("the data ends within it")
        return form.unpack_from(data, position)[0], stop

    return read


def _read_text(data: bytes, position: int, end: int) -> tuple[str, int]:
    encoded, position = _read_bytes(data, position, end)
    return encoded.decode(), position


def _read_bytes(data: bytes, position: int, end: int) -> tuple[bytes, int]:
    length, position = read_length(data, position)
    stop = position + length
    if stop > end:
        raise MalformedError("the data ends within it")
    return data[position:stop], stop
