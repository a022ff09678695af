"""How the fields of messages are written: functions that append their bytes, tag and all.

A message's length stands before it, and is known when it is written. So a header's place in the
list is kept, and filled in afterwards: nothing is copied until the whole list is joined, once.
"""

from collections.abc import Callable
from typing import Any

from .errors import UnfitError
from .scalar_writers import Writer, flat_view, integer, out_of_range, text
from .wire_format import SHORT_VARINTS, encode_varint

Buffer = bytes | bytearray | memoryview

Part = Callable[[Any, list[Buffer]], int]
"""Takes a field's value; appends its buffers to the list, and returns their length together.

It raises UnfitError for what the field cannot hold.
"""


def number_part(tag: bytes, low: int, high: int, *, skips_default: bool) -> Part:
    """Return what writes whole numbers from `low` to `high` as varints."""

    def write(value: Any, parts: list[Buffer]) -> int:
        if value.__class__ is not int:
            value = integer(value)
        if 0 < value < 16384:
            encoded = tag + SHORT_VARINTS[value]
        elif value == 0 and skips_default:
            return 0
        elif low <= value <= high:
            encoded = tag + encode_varint(value % 2**64)
        else:
            raise UnfitError(out_of_range(value, low, high))
        parts.append(encoded)
        return len(encoded)

    return write


def scalar_part(tag: bytes, writer: Writer, default: bytes | None) -> Part:
    """Return what writes other scalars, but for what is written as `default`."""

    def write(value: Any, parts: list[Buffer]) -> int:
        encoded = writer(value)
        if encoded == default:
            return 0
        encoded = tag + encoded
        parts.append(encoded)
        return len(encoded)

    return write


def text_part(tag: bytes, *, skips_default: bool) -> Part:
    """Return what writes text."""

    def write(value: Any, parts: list[Buffer]) -> int:
        encoded = text(value)
        length = len(encoded)
        if length == 0 and skips_default:
            return 0
        encoded = (
            tag + (SHORT_VARINTS[length] if length < 16384 else encode_varint(length)) + encoded
        )
        parts.append(encoded)
        return len(encoded)

    return write


def bytes_part(tag: bytes, *, skips_default: bool) -> Part:
    """Return what writes bytes, and other buffers as they lie in memory, without a copy."""

    def write(value: Any, parts: list[Buffer]) -> int:
        if value.__class__ is not bytes:
            value = flat_view(value)
        length = len(value)
        if length == 0 and skips_default:
            return 0
        header = tag + (SHORT_VARINTS[length] if length < 16384 else encode_varint(length))
        parts += header, value
        return len(header) + length

    return write


def message_part(
    tag: bytes, message_type: type[Any], write_message: Callable[[Any, list[Buffer]], int]
) -> Part:
    """Return what writes messages of a class, by what writes their fields."""

    def write(value: Any, parts: list[Buffer]) -> int:
        if value.__class__ is not message_type and not isinstance(value, message_type):
            raise UnfitError(f"takes {message_type.__name__}, not {type(value).__name__}")
        place = len(parts)
        parts.append(tag)
        length = write_message(value, parts)
        header = tag + (SHORT_VARINTS[length] if length < 16384 else encode_varint(length))
        parts[place] = header
        return len(header) + length

    return write


def map_part(tag: bytes, write_key: Part, write_value: Part) -> Part:
    """Return what writes dicts, entry by entry, in their order."""

    def write(value: Any, parts: list[Buffer]) -> int:
        if not isinstance(value, dict):
            raise UnfitError(f"takes a dict, not {type(value).__name__}")
        total = 0
        for key, item in value.items():
            place = len(parts)
            parts.append(tag)
            length = write_key(key, parts) + write_value(item, parts)
            parts[place] = header = tag + encode_varint(length)
            total += len(header) + length
        return total

    return write


def list_part(write_item: Part) -> Part:
    """Return what writes lists of text, bytes or messages."""

    def write(value: Any, parts: list[Buffer]) -> int:
        return sum([write_item(item, parts) for item in _items(value)])

    return write


def packed_part(tag: bytes, writer: Writer) -> Part:
    """Return what writes lists of numbers."""

    def write(value: Any, parts: list[Buffer]) -> int:
        encoded = b"".join([writer(item) for item in _items(value)])
        if not encoded:
            return 0
        encoded = tag + encode_varint(len(encoded)) + encoded
        parts.append(encoded)
        return len(encoded)

    return write


def _items(value: Any) -> list[Any] | tuple[Any, ...]:
    if isinstance(value, list | tuple):
        return value
    raise UnfitError(f"takes a list, not {type(value).__name__}")
