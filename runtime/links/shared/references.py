"""Payloads that are handed on by reference: where they lie in shared memory, instead of a copy.

A node that emits an array it received, or a view of one, publishes where the array lies:

    0     the slot's position in its file, and its length
    16    where in the slot the array's bytes begin, and how many they span
    32    where in that span the first element is; the array's own bytes; the file's inode
    56    the number of dimensions, if the elements are not one after the other, or 0
    57    so many strides, in bytes, 8 bytes each; then the name of the file

The node keeps the slot (`Lending`) until its readers return the item. So a slot is borrowed from
its producer once, by the producer's own reader, however many nodes hand it on.
"""

import ctypes
import struct
from collections import deque
from typing import Final

import numpy as np

from actors import Array, DataError

from .borrows import Borrows, SlotKey
from .layout import HEADER_BYTES, Header, Lent, PackedItem, aligned, payload_of
from .memory import Borrowed
from .segments import Segment, SegmentMaps, Target

LEAST_BYTES: Final = 256 * 1024
"""An array of fewer bytes is copied, since that takes less time."""

_RECORD: Final = struct.Struct("<QQQQQQQB")


def refer(packed: PackedItem) -> PackedItem:
    """Return an item with references in the place of what it has of received arrays.

    Args:
        packed: stays as it is; it is returned if it has no such array.
    """
    lent: list[Lent] = []
    referring = _referring(packed, lent)
    if lent:
        referring.lent, referring.copied = lent, packed
    return referring


def _referring(packed: PackedItem, lent: list[Lent]) -> PackedItem:
    payload = packed.payload
    if isinstance(payload, np.ndarray):
        return _array_reference(packed, payload, lent)
    if isinstance(payload, bytes):
        return packed
    before = len(lent)
    members = [_referring(member, lent) for member in payload]
    if len(lent) == before:
        return packed
    return PackedItem(
        packed.kind_code,
        members,
        sum(aligned(member.total_bytes) for member in members),
        packed.attributes,
        referenced_bytes=sum(member.referenced_bytes for member in members),
    )


def _array_reference(packed: PackedItem, array: Array, lent: list[Lent]) -> PackedItem:
    size = array.nbytes
    if size < LEAST_BYTES:
        return packed
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    owner = base.obj if isinstance(base, memoryview) else None
    flags = array.flags
    if not isinstance(owner, Borrowed) or not flags.aligned:
        return packed
    segment, slot_address, slot_size = owner.slot()
    if segment is None:
        return packed
    first, extent, strides = 0, size, b""
    dimensions = 0
    if not (flags.c_contiguous or (packed.fortran and flags.f_contiguous)):
        first, extent = _span(array)
        dimensions = array.ndim
        strides = struct.pack(f"<{dimensions}q", *array.strides)
    begin = _address_of(array) - first - slot_address
    if begin < HEADER_BYTES or begin + extent > slot_size or extent < size:
        return packed
    position = slot_address - segment.begin + segment.offset
    inode = segment.inode
    record = (
        _RECORD.pack(position, slot_size, begin, extent, first, size, inode, dimensions)
        + strides
        + segment.name
    )
    lent.append(Lent(array, (inode, position), slot_size))
    return PackedItem(
        packed.kind_code,
        record,
        len(record),
        packed.attributes,
        packed.subtype,
        packed.first,
        packed.second,
        packed.fortran,
        True,
        extent,
    )


def _address_of(array: Array) -> int:
    """Return the address of an array's first element.

    It comes right after the head that every object has, as numpy's binary interface fixes
    (`PyArrayObject_fields`). numpy's own ways make a dictionary or an object first, which takes 3
    to 4 us, a third of the time of a reference (27 November 2026).
    """
    address = ctypes.c_void_p.from_address(id(array) + object.__basicsize__).value
    assert address is not None
    return address


def _span(array: Array) -> tuple[int, int]:
    """Return where the first element lies in the bytes that `array` spans, and their number."""
    below = above = 0
    for length, stride in zip(array.shape, array.strides, strict=True):
        if stride < 0:
            below -= stride * (length - 1)
        else:
            above += stride * (length - 1)
    return below, below + above + array.itemsize


class Ticket:
    """An item that refers to something: returned when nothing views any of that any more.

    Attributes:
        number: of the item on its link; -1 until it is known.
        slots: that are viewed because of it.
        references: that it has.
        referenced_bytes: that they span.
        array_bytes: of the arrays.
        record_bytes: that stand for them in the item.
        copies: of what it refers to, made because too much was in use.
        copied_bytes: in those copies.
    """

    __slots__ = (
        "_returned",
        "array_bytes",
        "copied_bytes",
        "copies",
        "number",
        "record_bytes",
        "referenced_bytes",
        "references",
        "slots",
    )

    def __init__(self, returned: "deque[tuple[int, list[SlotKey]]]") -> None:
        self.number = -1
        self.slots: list[SlotKey] = []
        self.references = self.referenced_bytes = self.array_bytes = self.record_bytes = 0
        self.copies = self.copied_bytes = 0
        self._returned = returned

    def __del__(self) -> None:
        # Maybe in another thread, as in `Borrowed`: one atomic step.
        self._returned.append((self.number, self.slots))


class _Referenced(Borrowed):
    """The owner of what an item refers to: its views have it as their base."""

    ticket: Ticket
    place: tuple[Segment, int, int]  # of the slot; the segment keeps its mapping

    def __del__(self) -> None:
        """Leave it to the ticket, and to the owner of the segment."""

    def slot(self) -> tuple[Segment | None, int, int]:
        """Return the segment, and where in this process the slot lies: address and length."""
        return self.place


class References:
    """Resolves what the items of one link refer to.

    Attributes:
        ticket: of the item that is being read, if it refers to anything.

    Args:
        segments: of this process.
        borrows: of the link's reader.
    """

    def __init__(self, segments: SegmentMaps, borrows: Borrows) -> None:
        self.ticket: Ticket | None = None
        self._segments = segments
        self._borrows = borrows

    def resolve(self, header: Header, memory: memoryview) -> tuple[Header, memoryview]:
        """Return header and memory of an item as if its payload were in its place.

        Raises:
            DataError: it refers to what is not there.
            SharedMemoryError: that cannot be mapped.
        """
        record = bytes(payload_of(header, memory))
        target = self._segments.known.get(record) or self._find(record)
        ticket = self.ticket
        if ticket is None:
            ticket = self.ticket = Ticket(self._borrows.returned_items)
        ticket.references += 1
        ticket.referenced_bytes += target.extent
        ticket.array_bytes += target.array_bytes
        ticket.record_bytes += len(record)
        owner = _Referenced.from_address(target.address)
        view = memoryview(owner)[: HEADER_BYTES + target.extent].toreadonly()
        slot, slot_bytes = target.slot, target.place[2]
        if self._borrows.has_room_for(slot, slot_bytes):
            self._borrows.add_slot(slot, slot_bytes, is_first=not ticket.slots)
            ticket.slots.append(slot)
            owner.ticket, owner.place = ticket, target.place
        else:
            view = memoryview(bytes(view))
            ticket.copies += 1
            ticket.copied_bytes += target.extent
        resolved = Header(
            header.kind_code,
            header.subtype,
            header.flags,
            0,
            0,
            0,
            0,
            0,
            target.array_bytes,
            header.first,
            header.second,
            0,
            target.strides,
            target.first_byte,
        )
        return resolved, view

    def _find(self, record: bytes) -> Target:
        """Check what a record says, and return what it refers to."""
        position, size, begin, extent, first, array_bytes, inode, dimensions = _RECORD.unpack_from(
            record
        )
        strides = struct.unpack_from(f"<{dimensions}q", record, _RECORD.size) if dimensions else ()
        if (
            begin < HEADER_BYTES
            or begin + extent > size
            or not 0 < array_bytes <= extent
            or not (dimensions or array_bytes == extent)
        ):
            raise DataError("it refers to more than a slot")
        name = record[_RECORD.size + 8 * dimensions :]
        segment = self._segments.find(name, inode, position + size)
        address = segment.begin + position
        target = Target(
            (segment, address, size),
            (inode, position),
            address + begin - HEADER_BYTES,
            extent,
            array_bytes,
            strides,
            first,
        )
        self._segments.keep(record, target)
        return target
