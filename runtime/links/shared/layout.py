"""How an item lies in shared memory: a fixed header, the payload, then what few items have.

    0     header, 64 bytes, little-endian (see `_HEADER`)
    64    payload: samples, pixels, array elements, bytes, UTF-8 text
    ...   attributes, msgpack, only if there are any: metadata first, then what the kind needs

Everything on the audio path is in the header, so a plain chunk costs one `pack_into` and one copy.
A bundle's payload is its members, one after the other: each has a header of its own, and begins on
a multiple of 64 bytes. A payload that lies in the memory of an earlier producer is a reference to
it, see `references`.
"""

import struct
from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import numpy as np

from actors import Array, DataError, Kind

from ..item import Item
from .borrows import SlotKey

HEADER_BYTES: Final = 64
"""Of a header; also what every payload is aligned to."""

# kind, subtype, flags (see `Header`), reader, attributes bytes; sequence, timestamp_ms,
# entered_ns; payload bytes, and two numbers of the kind's own; the item's number on its link.
_HEADER: Final = struct.Struct("<BBBBIQQQQIIQ")
_FORTRAN: Final = 1
_REFERENCE: Final = 2

# Up to here, two copies of the bytes cost less than making an array of the target.
_SMALL_BYTES: Final = 16 * 1024


class Lent(msgspec.Struct, eq=False):
    """An array that an item refers to.

    Attributes:
        array: keeps its slot.
        slot: what tells the slot from every other: its file's inode, and its position there.
        slot_bytes: what the array keeps in use: the whole slot.
    """

    array: Array
    slot: SlotKey
    slot_bytes: int


_PADDING: Final = bytes(HEADER_BYTES - _HEADER.size)
_FILLER: Final = bytes(HEADER_BYTES)  # no kind has code 0
_KIND_CODES: Final = {kind: code for code, kind in enumerate(Kind, start=1)}


class PackedItem(msgspec.Struct, eq=False):
    """An item taken apart, ready to be written.

    Attributes:
        kind_code: stands for the kind.
        payload: an array of any strides, or bytes, or the members of a bundle.
        payload_bytes: the room that it takes.
        attributes: what goes behind the payload; empty where there is nothing.
        subtype, first, second: numbers of the kind's own.
        fortran: whether an array is in Fortran's order.
        is_reference: whether the payload only refers to an array elsewhere in shared memory.
        referenced_bytes: of shared memory that it refers to, or its members do.
        lent: the arrays that it refers to, or its members do.
        copied: what is written instead if they cannot be lent; None if there are none.
    """

    kind_code: int
    payload: "Array | bytes | Sequence[PackedItem]"
    payload_bytes: int
    attributes: bytes = b""
    subtype: int = 0
    first: int = 0
    second: int = 0
    fortran: bool = False
    is_reference: bool = False
    referenced_bytes: int = 0
    lent: "Sequence[Lent]" = ()
    copied: "PackedItem | None" = None

    @property
    def total_bytes(self) -> int:
        """The room that all takes, header included."""
        return HEADER_BYTES + self.payload_bytes + len(self.attributes)

    @property
    def arrays(self) -> Sequence[Array]:
        """The arrays that writing this copies."""
        if isinstance(self.payload, np.ndarray):
            return (self.payload,)
        if isinstance(self.payload, bytes):
            return ()
        return [array for member in self.payload for array in member.arrays]


class Header(msgspec.Struct):
    """A header read back.

    Attributes:
        kind_code: stands for the kind.
        flags: 1 for an array in Fortran's order, 2 for a payload that only refers to an array
            elsewhere in shared memory.
        attribute_bytes, payload_bytes: what follows.
        first, second: two numbers of the kind's own.
        number: of the item on its link, from 0.
        reader: the position of the only reader that gets the item; 0 for all.
        strides: of an array that a reference was resolved to, in bytes; empty if its elements are
            one after the other.
        first_byte: where in the memory it spans the first element is.
    """

    kind_code: int
    subtype: int
    flags: int
    reader: int
    attribute_bytes: int
    sequence: int
    timestamp_ms: int
    entered_ns: int
    payload_bytes: int
    first: int
    second: int
    number: int
    strides: tuple[int, ...] = ()
    first_byte: int = 0

    @property
    def fortran(self) -> bool:
        """Whether an array is in Fortran's order."""
        return bool(self.flags & _FORTRAN)

    @property
    def is_reference(self) -> bool:
        """Whether the payload only refers to an array elsewhere in shared memory."""
        return bool(self.flags & _REFERENCE)

    @property
    def total_bytes(self) -> int:
        """The room that all takes, header included."""
        return HEADER_BYTES + self.payload_bytes + self.attribute_bytes


def kind_code(kind: Kind) -> int:
    """Return what stands for a kind in a header."""
    return _KIND_CODES[kind]


def aligned(size: int) -> int:
    """Return `size` rounded up to where a next header may begin."""
    return -(-size // HEADER_BYTES) * HEADER_BYTES


def write(
    memory: memoryview,
    packed: PackedItem,
    item: Item | None = None,
    *,
    number: int = 0,
    has_payload: bool = False,
    reader: int = 0,
) -> None:
    """Write an item into `memory`, which has at least `packed.total_bytes`: the one copy.

    Args:
        memory: where to.
        packed: the item's data.
        item: whose marks go into the header; None for a member of a bundle, which has none.
        number: of the item on its link, from 0.
        has_payload: leave the payload out, since it is there already.
        reader: the position of the only reader that gets the item; 0 for all.
    """
    payload_bytes, attributes = packed.payload_bytes, packed.attributes
    _HEADER.pack_into(
        memory,
        0,
        packed.kind_code,
        packed.subtype,
        packed.fortran * _FORTRAN | packed.is_reference * _REFERENCE,
        reader,
        len(attributes),
        0 if item is None else item.sequence,
        0 if item is None else item.timestamp_ms,
        0 if item is None else item.entered_ns,
        payload_bytes,
        packed.first,
        packed.second,
        number,
    )
    if payload_bytes and not has_payload:
        payload = packed.payload
        if isinstance(payload, np.ndarray):
            _copy_array(memory, payload, payload_bytes, packed.fortran)
        elif isinstance(payload, bytes):
            memory[HEADER_BYTES : HEADER_BYTES + payload_bytes] = payload
        else:
            _write_members(memory, payload)
    if attributes:
        memory[HEADER_BYTES + payload_bytes : packed.total_bytes] = attributes


def header_of(packed: PackedItem, item: Item | None = None, *, number: int = 0) -> bytes:
    """Return the header of an item that is written elsewhere, in parts.

    Args:
        packed: the item's data.
        item: as in `write`.
        number: as in `write`.
    """
    times = (0, 0, 0)
    if item is not None:
        times = (item.sequence, item.timestamp_ms, item.entered_ns)
    flags = packed.fortran * _FORTRAN
    size = len(packed.attributes)
    kind, numbers = (packed.kind_code, packed.subtype, flags, 0), (packed.first, packed.second)
    header = _HEADER.pack(*kind, size, *times, packed.payload_bytes, *numbers, number)
    return header + _PADDING


def _copy_array(memory: memoryview, array: Array, size: int, fortran: bool) -> None:
    order: Literal["F", "C"] = "F" if fortran else "C"
    if size <= _SMALL_BYTES:
        memory[HEADER_BYTES : HEADER_BYTES + size] = array.tobytes(order)
    else:
        target = np.ndarray(array.shape, array.dtype, memory, HEADER_BYTES, order=order)
        np.copyto(target, array)


def _write_members(memory: memoryview, members: Sequence[PackedItem]) -> None:
    begin = HEADER_BYTES
    for member in members:
        write(memory[begin : begin + member.total_bytes], member)
        begin += aligned(member.total_bytes)


def write_filler(memory: memoryview) -> None:
    """Write what stands for no item: it only takes a place in the readers' buffers."""
    memory[:HEADER_BYTES] = _FILLER


def is_filler(memory: memoryview) -> bool:
    """Return whether `memory` begins with a filler."""
    return bytes(memory[:1]) == _FILLER[:1]


def read_header(memory: memoryview) -> Header:
    """Return what `memory` begins with.

    Raises:
        DataError: it is shorter than the header says.
        struct.error: it is shorter than a header.
    """
    header = Header(*_HEADER.unpack_from(memory))
    if HEADER_BYTES + header.payload_bytes + header.attribute_bytes > memory.nbytes:
        raise DataError(f"an item of {header.total_bytes} bytes in {memory.nbytes}")
    return header


def payload_of(header: Header, memory: memoryview) -> memoryview:
    """Return a view of the payload."""
    return memory[HEADER_BYTES : HEADER_BYTES + header.payload_bytes]


def text_of(header: Header, memory: memoryview) -> str:
    """Return the payload as text."""
    return str(payload_of(header, memory), "utf-8")
