"""The state of a node as bytes, on its way to another session.

MessagePack, with two types of our own. Nothing of it can run code where it is read.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np

from actors import Array, Data, DataError

from ..links import Item
from ..links.shared import item_bytes, item_of_bytes

_ARRAY: Final = 1
_ITEM: Final = 2
# Numbers only: an array of objects would be pickled.
_KINDS: Final = frozenset("biufc")


class _ArrayHeader(msgspec.Struct, frozen=True, array_like=True):
    """An array in front of its bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


def encoded_state(state: object, most_bytes: int) -> bytes:
    """Return a state as bytes.

    Args:
        state: what `export_state` has returned.
        most_bytes: that it may have.

    Raises:
        DataError: it has a value of another type, or is larger.
    """
    try:
        encoded = msgspec.msgpack.encode(_encodable(state))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DataError(
            f"it returned what cannot be moved: {error}; a state has None, bool, int, float, str, "
            "bytes, arrays of numbers, data items, lists, and dicts with text as keys"
        ) from None
    if len(encoded) > most_bytes:
        raise DataError(
            f"it returned {len(encoded)} bytes; a session may move with {most_bytes} "
            "(limits.max_state_bytes)"
        )
    return encoded


def decoded_state(encoded: bytes) -> Any:
    """Return the state that `encoded_state` has encoded.

    Raises:
        DataError: these bytes are no state.
    """
    try:
        return msgspec.msgpack.decode(encoded, ext_hook=_of_bytes)
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise DataError(f"this is no state: {error}") from None


def _encodable(value: object) -> object:
    """Return a value of a state as MessagePack knows it.

    Raises:
        TypeError: a state has no such value.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    if isinstance(value, Data):
        return msgspec.msgpack.Ext(_ITEM, bytes(item_bytes(Item(value))))
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r}")
        return {key: _encodable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(each) for each in value]
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in _KINDS:
            raise TypeError(f"an array of {value.dtype}")
        header = _ArrayHeader(value.dtype.str, value.shape, value.tobytes())
        return msgspec.msgpack.Ext(_ARRAY, msgspec.msgpack.encode(header))
    raise TypeError(f"a value of the type {type(value).__name__}")


def _of_bytes(code: int, data: memoryview) -> Array | Data:
    if code == _ARRAY:
        return _array_of(msgspec.msgpack.decode(data, type=_ArrayHeader))
    if code == _ITEM:
        return item_of_bytes(bytes(data), "").data
    raise DataError(f"it has a value of the unknown type {code}")


def _array_of(header: _ArrayHeader) -> Array:
    dtype = np.dtype(header.dtype)
    if dtype.kind not in _KINDS or dtype.itemsize * math.prod(header.shape) != len(header.data):
        raise DataError("an array does not have the size of its shape")
    return np.frombuffer(header.data, dtype).reshape(header.shape)
