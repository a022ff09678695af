"""Arrays that are views of an item's payload, also where their elements lie apart."""

import math
import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from actors import Array, DataError

from .layout import HEADER_BYTES, Header

_BYTE: Final = np.dtype(np.uint8)

# As numpy writes one type. Of other texts it would parse a whole grammar.
_DTYPE: Final = re.compile(r"[<>|=][A-Za-z][0-9]{1,9}(\[[0-9]{0,9}[A-Za-z]{1,2}\])?")


def elements(header: Header, memory: memoryview, dtype: np.dtype[Any]) -> Array:
    """Return the payload's elements, shape (count,): a view, and read-only for good.

    An array made by `np.ndarray` of the same memory could be opened to writing.
    """
    count = header.payload_bytes // dtype.itemsize
    if header.strides:
        return strided(header, memory, dtype, (count,))
    return np.frombuffer(memory, dtype, count, HEADER_BYTES)


def strided(
    header: Header, memory: memoryview, dtype: np.dtype[Any], shape: Sequence[int]
) -> Array:
    """Return a view whose elements are not one after the other, read-only."""
    strides, first = header.strides, header.first_byte
    if len(shape) != len(strides):
        raise DataError(f"an array of {len(shape)} dimensions with {len(strides)} strides")
    steps = [stride * (length - 1) for stride, length in zip(strides, shape, strict=True)]
    end = first + sum(step for step in steps if step > 0) + dtype.itemsize
    # numpy's own check does not notice that a product is larger than an address.
    if first + sum(step for step in steps if step < 0) < 0 or end > memory.nbytes - HEADER_BYTES:
        raise DataError("an array that is larger than its memory")
    whole = np.frombuffer(memory, _BYTE, offset=HEADER_BYTES)
    return np.ndarray(shape, dtype, whole, first, strides)


def dtype_named(name: str) -> np.dtype[Any]:
    """Return the dtype that numpy writes so.

    Raises:
        DataError: it is no type of one value.
    """
    if not _DTYPE.fullmatch(name):
        raise DataError(f"an array of type {name[:40]!r}")
    return np.dtype(name)


def shaped(header: Header, memory: memoryview, dtype: np.dtype[Any], shape: Sequence[int]) -> Array:
    """Return the payload as an array of this shape: a view, read-only.

    Raises:
        DataError: the payload has another length.
    """
    if dtype.hasobject:
        raise DataError("an array of Python objects")
    if math.prod(shape) * dtype.itemsize != header.payload_bytes:
        raise DataError(f"an array of {shape} {dtype} in {header.payload_bytes} bytes")
    if not header.payload_bytes:
        return np.empty(shape, dtype)
    if header.strides:
        return strided(header, memory, dtype, shape)
    return elements(header, memory, dtype).reshape(shape, order="F" if header.fortran else "C")
