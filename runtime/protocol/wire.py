"""The wire format below messages: varints, tags, and skipping what nobody knows.

Source of the rules: protobuf.dev/programming-guides/encoding, and, where that is silent, what the
official runtime does (upb, in its version 7).
"""

from typing import Final

from .errors import MalformedError

VARINT: Final = 0
FIXED64: Final = 1
LENGTH_DELIMITED: Final = 2
START_GROUP: Final = 3
END_GROUP: Final = 4
FIXED32: Final = 5

MAX_DEPTH: Final = 100
"""How many messages and groups may lie in one another, below the outermost."""

_MAX_TAG: Final = 2**32 - 1
_MAX_LENGTH: Final = 2**31 - 1


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return the number at `position`, of up to 70 bits, and where it ends.

    Raises:
        MalformedError: it has more than 10 bytes.
        IndexError: the data ends before it does.
    """
    value = 0
    for shift in range(0, 70, 7):
        byte = data[position]
        position += 1
        if byte < 0x80:
            return value | byte << shift, position
        value |= (byte & 0x7F) << shift
    raise MalformedError("a number of more than 10 bytes")


def read_tag(data: bytes, position: int) -> tuple[int, int]:
    """Return the tag at `position`, and where it ends; raise as `read_varint` does."""
    tag, stop = read_varint(data, position)
    if stop - position > 5 or tag > _MAX_TAG:
        raise MalformedError("a tag of more than 32 bits")
    return tag, stop


def read_length(data: bytes, position: int) -> tuple[int, int]:
    """Return the length at `position`, and where it ends; raise as `read_varint` does."""
    length, stop = read_varint(data, position)
    if stop - position > 5 or length > _MAX_LENGTH:
        raise MalformedError("a length of 2 GiB or more")
    return length, stop


def skip_field(data: bytes, position: int, end: int, tag: int, depth: int) -> int:
    """Return where the field ends whose value begins at `position`.

    Args:
        data: what was received.
        position: the index behind the field's tag.
        end: where the message ends that holds the field.
        tag: the field's tag.
        depth: how many groups may yet lie in one another.

    Raises:
        MalformedError: this is no field, or it does not end before `end`.
        IndexError: the data ends before the field does.
    """
    open_groups: list[int] = []
    while True:
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise MalformedError("a field of number 0")
        if wire_type == START_GROUP:
            open_groups.append(number)
            if len(open_groups) > depth:
                raise MalformedError(f"more than {MAX_DEPTH} levels of nesting")
        elif wire_type == END_GROUP:
            if not open_groups or open_groups.pop() != number:
                raise MalformedError(f"the end of group {number}, which did not begin")
        else:
            position = _skip_value(data, position, wire_type)
        if position > end:
            raise MalformedError("it goes on after the end of its message")
        if not open_groups:
            return position
        tag, position = read_tag(data, position)


def _skip_value(data: bytes, position: int, wire_type: int) -> int:
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
    if value < 0x80:
        return bytes((value,))
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
