"""What travels on a socket link.

Towards the reader: records, each with a header of 12 bytes (see `RECORD`) and a body. The body of
an item is the item as it lies in shared memory: header, payload, attributes. Towards the producer:
how many items and bytes were taken in all (see `CREDITS`), so that a late record costs nothing.

Entry times travel as they are, in the session's clock: the monotonic clock of the server. Items are
recognized by them in traces and latencies, so they must not change on any way. The machine at the
other end has another clock; what a node measures with it is converted where the server receives it.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

import numpy as np

from ..item import Item
from ..shared import PackedItem, aligned, header_of

RECORD: Final = struct.Struct("<IBxxxI")
"""Bytes of the body, kind, and how many items since the last record only other readers get."""

CREDITS: Final = struct.Struct("<QQ")
"""Items and bytes that were taken in all."""

TOTAL: Final = struct.Struct("<Q")
"""The body of the end: how many items there were."""

Buffer = bytes | bytearray | memoryview


class RecordKind(IntEnum):
    """What a record is."""

    ITEM = 1
    END = 2
    CREDITS_REQUEST = 3


def record(kind: RecordKind, body: bytes = b"", elsewhere: int = 0) -> bytes:
    """Return a record that is no item.

    Args:
        kind: of the record.
        body: what follows its header.
        elsewhere: items since the last record that only other readers get.
    """
    return RECORD.pack(len(body), kind, elsewhere) + body


def item_parts(item: Item, packed: PackedItem, *, number: int, elsewhere: int) -> list[Buffer]:
    """Return the record of an item in parts; only strided arrays are copied.

    Args:
        item: the item.
        packed: its data.
        number: of the item on its link, from 0.
        elsewhere: as in `record`.
    """
    head = RECORD.pack(packed.total_bytes, RecordKind.ITEM, elsewhere)
    head += header_of(packed, item, number=number)
    return [head, *_body(packed)]


def _body(packed: PackedItem) -> Iterator[Buffer]:
    payload = packed.payload
    if isinstance(payload, bytes):
        if payload:
            yield payload
    elif isinstance(payload, np.ndarray):
        if payload.size:
            order = payload.T if packed.fortran else payload
            flat = np.ascontiguousarray(order).reshape(-1).view(np.uint8)
            yield flat.data
    else:
        for member in payload:
            yield header_of(member)
            yield from _body(member)
            padding = aligned(member.total_bytes) - member.total_bytes
            if padding:
                yield bytes(padding)
    if packed.attributes:
        yield packed.attributes


def copied_arrays(packed: PackedItem) -> Iterator[int]:
    """Yield the bytes of every array that `item_parts` must copy: its elements lie apart."""
    for array in packed.arrays:
        if not (array.flags.c_contiguous or array.flags.f_contiguous):
            yield array.nbytes
