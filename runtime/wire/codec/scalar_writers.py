"""How each scalar type is written: the checked value's bytes, without its field's tag."""

import math
import operator
import struct
from collections.abc import Callable
from typing import Any, Final

import betterproto2

from .errors import UnfitError
from .wire_format import FORMS, encode_varint

Writer = Callable[[Any], bytes]
"""Gives a value's bytes; raises UnfitError for what the type cannot hold."""

RANGES: Final = {
    betterproto2.TYPE_ENUM: (-(2**31), 2**31 - 1),
    betterproto2.TYPE_FIXED32: (0, 2**32 - 1),
    betterproto2.TYPE_FIXED64: (0, 2**64 - 1),
    betterproto2.TYPE_INT32: (-(2**31), 2**31 - 1),
    betterproto2.TYPE_INT64: (-(2**63), 2**63 - 1),
    betterproto2.TYPE_SFIXED32: (-(2**31), 2**31 - 1),
    betterproto2.TYPE_SFIXED64: (-(2**63), 2**63 - 1),
    betterproto2.TYPE_SINT32: (-(2**31), 2**31 - 1),
    betterproto2.TYPE_SINT64: (-(2**63), 2**63 - 1),
    betterproto2.TYPE_UINT32: (0, 2**32 - 1),
    betterproto2.TYPE_UINT64: (0, 2**64 - 1),
}
"""The lowest and the highest number of each type."""

PLAIN_VARINTS: Final = (
    RANGES.keys()
    - FORMS.keys()
    - {
        betterproto2.TYPE_SINT32,
        betterproto2.TYPE_SINT64,
    }
)
"""Those that are written as varints as they are, negative ones with 64 bits."""

_DOUBLE: Final = struct.Struct("<d").pack
_ZIGZAG: Final = {betterproto2.TYPE_SINT32, betterproto2.TYPE_SINT64}


def scalar_writer(proto_type: str) -> Writer:
    """Return what writes values of one of betterproto2's scalar types."""
    if proto_type in _WRITERS:
        return _WRITERS[proto_type]
    low, high = RANGES[proto_type]
    pack = struct.Struct(f"<{FORMS[proto_type]}").pack if proto_type in FORMS else None

    def write(value: Any) -> bytes:
        number = integer(value)
        if not low <= number <= high:
            raise UnfitError(out_of_range(value, low, high))
        if pack is not None:
            return pack(number)
        if proto_type in _ZIGZAG:
            return encode_varint(number * 2 if number >= 0 else number * -2 - 1)
        return encode_varint(number % 2**64)

    return write


def out_of_range(value: object, low: int, high: int) -> str:
    """Return what is told of a number."""
    return f"takes whole numbers from {low} to {high}, not {value!r}"


def integer(value: Any) -> int:
    """Return the number that `value` is; numpy's whole numbers are taken, truth values are not.

    Raises:
        UnfitError: it is none.
    """
    try:
        if value.__class__ is bool:
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise UnfitError(f"takes whole numbers, not {value!r}") from None


def text(value: Any) -> bytes:
    """Return a text's UTF-8; raise UnfitError if it has none."""
    if not isinstance(value, str):
        raise UnfitError(f"takes text, not {type(value).__name__}")
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise UnfitError(f"takes text that UTF-8 can hold: {error.reason}") from None


def flat_view(value: Any) -> memoryview:
    """Return a view of a buffer whose length is its number of bytes.

    Raises:
        UnfitError: it has no buffer, or not a contiguous one.
    """
    try:
        view = memoryview(value)
    except TypeError:
        raise UnfitError(f"takes bytes or a buffer, not {type(value).__name__}") from None
    if not view.c_contiguous:
        raise UnfitError("takes a contiguous buffer; numpy.ascontiguousarray makes one")
    return view.cast("B") if view.nbytes else memoryview(b"")


def _write_text(value: Any) -> bytes:
    encoded = text(value)
    return encode_varint(len(encoded)) + encoded


def _write_bytes(value: Any) -> bytes:
    view = flat_view(value)
    return encode_varint(len(view)) + view


def _write_truth(value: Any) -> bytes:
    if value is True or value is False:
        return b"\1" if value else b"\0"
    raise UnfitError(f"takes True or False, not {value!r}")


def _write_double(value: Any) -> bytes:
    return _DOUBLE(value if value.__class__ is float else _real(value))


def _write_float(value: Any) -> bytes:
    number = _real(value)
    try:
        return struct.pack("<f", number)
    except OverflowError:  # as the official runtime does
        return struct.pack("<f", math.copysign(math.inf, number))


def _real(value: Any) -> float:
    try:
        if isinstance(value, str):  # which float() would parse
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise UnfitError(f"takes numbers, not {value!r}") from None


_WRITERS: Final[dict[str, Writer]] = {
    betterproto2.TYPE_BOOL: _write_truth,
    betterproto2.TYPE_BYTES: _write_bytes,
    betterproto2.TYPE_DOUBLE: _write_double,
    betterproto2.TYPE_FLOAT: _write_float,
    betterproto2.TYPE_STRING: _write_text,
}
