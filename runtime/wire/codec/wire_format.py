"""The wire format below messages: varints, tags, and skipping unknown fields.

Source of the rules: protobuf.dev/programming-guides/encoding, and, where that is silent, what the
official runtime does (upb, as in protobuf 7).
"""

from collections.abc import Iterator
from struct import calcsize
from typing import Final

import betterproto2

from .errors import ExcessError, MalformedError

VARINT: Final = 0
FIXED64: Final = 1
LENGTH_DELIMITED: Final = 2
START_GROUP: Final = 3
END_GROUP: Final = 4
FIXED32: Final = 5

MAX_DEPTH: Final = 100
"""How many messages and groups may be nested below the outermost message."""

MAX_LENGTH: Final = 2**31 - 1
"""Of a message or a value, in bytes."""

Budget = Iterator[None]
"""Yields once for each field that a message may still have."""

TOO_DEEP: Final = f"more than {MAX_DEPTH} levels of nesting"
TOO_SHORT: Final = "the data ends within it"

FORMS: Final = {
    betterproto2.TYPE_DOUBLE: "d",
    betterproto2.TYPE_FIXED32: "I",
    betterproto2.TYPE_FIXED64: "Q",
    betterproto2.TYPE_FLOAT: "f",
    betterproto2.TYPE_SFIXED32: "i",
    betterproto2.TYPE_SFIXED64: "q",
}
"""The types of 4 or 8 bytes, as `struct` names them."""

_SIZED: Final = {
    betterproto2.TYPE_BYTES,
    betterproto2.TYPE_MAP,
    betterproto2.TYPE_MESSAGE,
    betterproto2.TYPE_STRING,
}
SHORT_VARINTS: Final = (
    *(bytes((number,)) for number in range(1 << 7)),
    *(bytes((number & 0x7F | 0x80, number >> 7)) for number in range(1 << 7, 1 << 14)),
)
"""The varints of one or two bytes, as most are."""

_MAX_TAG: Final = 2**32 - 1
_MASK64: Final = 2**64 - 1


def wire_type(proto_type: str) -> int:
    """Return the wire type of one of betterproto2's types, where it is not packed."""
    if proto_type in FORMS:
        return FIXED32 if calcsize(FORMS[proto_type]) == 4 else FIXED64
    return LENGTH_DELIMITED if proto_type in _SIZED else VARINT


def read_varint(
    data: bytes | memoryview, position: int, value: int = 0, shift: int = 0
) -> tuple[int, int]:
    """Return the number at `position`, cut to 64 bits, and the index after it.

    Args:
        data: the received bytes.
        position: where to read.
        value: the number that the bytes before `position` make, where some were read.
        shift: the bits that they have.

    Raises:
        MalformedError: it has more than 10 bytes.
        IndexError: the data ends before it does.
    """
    while shift < 64:
        byte = data[position]
        position += 1
        if byte < 0x80:
            value |= byte << shift
            return value if shift < 63 else value & _MASK64, position
        value |= (byte & 0x7F) << shift
        shift += 7
    raise MalformedError("a number of more than 10 bytes")


def read_tag(data: bytes | memoryview, position: int) -> tuple[int, int]:
    """Return the tag at `position`, and the index after it; raise as `read_varint` does."""
    tag, stop = read_varint(data, position)
    if stop - position > 5 or tag > _MAX_TAG:
        raise MalformedError("a tag of more than 32 bits")
    return tag, stop


def read_length(data: bytes | memoryview, position: int) -> tuple[int, int]:
    """Return the length at `position`, and the index after it; raise as `read_varint` does."""
    length, stop = read_varint(data, position)
    if stop - position > 5 or length > MAX_LENGTH:
        raise MalformedError("a length of 2 GiB or more")
    return length, stop


def skip_field(
    data: bytes | memoryview, position: int, end: int, tag: int, depth: int, budget: Budget
) -> int:
    """Return where the field ends whose value begins at `position`.

    Args:
        data: the received bytes.
        position: the index after the field's tag.
        end: where the message ends that holds the field.
        tag: the field's tag.
        depth: how many groups may still be nested.
        budget: how many fields a group may still have.

    Raises:
        MalformedError: this is no field, or it does not end before `end`.
        ExcessError: it is a group with more fields than the budget.
        IndexError: the data ends before the field does.
    """
    if tag < 1 << 3:
        raise MalformedError("a field of number 0")
    groups: list[int] = []
    while True:
        wire_type = tag & 7
        if wire_type == START_GROUP:
            groups.append(tag)
            if len(groups) > depth:
                raise MalformedError(TOO_DEEP)
        elif wire_type == END_GROUP:
            if not groups or groups.pop() >> 3 != tag >> 3:
                raise MalformedError(f"the end of a group {tag >> 3} that did not begin")
        else:
            position = _skip_value(data, position, wire_type)
        if position > end:
            raise MalformedError(TOO_SHORT)
        if not groups:
            return position
        if next(budget, budget) is budget:
            raise ExcessError
        tag, position = read_tag(data, position)


def _skip_value(data: bytes | memoryview, position: int, wire_type: int) -> int:
    if wire_type == VARINT:
        return read_varint(data, position)[1]
    if wire_type == LENGTH_DELIMITED:
        length, position = read_length(data, position)
        return position + length
    if wire_type == FIXED64:
        return position + 8
    if wire_type == FIXED32:
        return position + 4
    raise MalformedError(f"wire type {wire_type}, which does not exist")


def encode_varint(value: int) -> bytes:
    """Return the bytes of a number from 0 to 2 ** 64 - 1."""
    if value < 0x4000:
        return SHORT_VARINTS[value]
    if value < 0x200000:  # as lengths of large payloads are
        return bytes((value & 0x7F | 0x80, value >> 7 & 0x7F | 0x80, value >> 14))
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
