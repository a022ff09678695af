"""How an item lies in shared memory: a fixed header, the payload, then what few items have.

    0     header, 64 bytes, little-endian (see `_HEADER`)
    64    payload: samples, pixels, array elements, bytes, UTF-8 text
    ...   attributes, msgpack, only if there are any: metadata first, then what the kind needs

Everything on the audio path is in the header, so a plain chunk costs one `pack_into` and one copy.
A bundle's payload is its members, one after the other: each has a header of its own, and begins on
a multiple of 64 bytes.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np

from actors import Array, DataError, Kind

HEADER_BYTES: Final = 64
"""Of a header; also what every payload is aligned to."""

# kind, subtype, flags, padding; then sequence, timestamp_ms, entered_ns, payload bytes;
# attributes bytes, and two numbers of the kind's own.
_HEADER: Final = struct.Struct("<BBBxIQQQQII")
_FORTRAN: Final = 1

_KIND_CODES: Final = {kind: code for code, kind in enumerate(Kind, start=1)}
_KINDS: Final = {code: kind for kind, code in _KIND_CODES.items()}

Attributes = list[Any]


@dataclass(slots=True)
class Packed:
    """An item taken apart, ready to be written.

    Attributes:
        payload: an array of any strides, or bytes, or the members of a bundle.
        payload_bytes: the room that it takes.
        attributes: what goes behind the payload; None where there is nothing.
    """

    kind: Kind
    payload: Array | bytes | Sequence["Packed"]
    payload_bytes: int
    subtype: int = 0
    first: int = 0
    second: int = 0
    fortran: bool = False
    attributes: bytes = b""

    @property
    def total_bytes(self) -> int:
        """The room it takes, header included."""
        return HEADER_BYTES + self.payload_bytes + len(self.attributes)

    def arrays(self) -> Sequence[Array]:
        """Return the arrays that writing this copies."""
        if isinstance(self.payload, np.ndarray):
            return (self.payload,)
        if isinstance(self.payload, bytes):
            return ()
        return [array for member in self.payload for array in member.arrays()]


@dataclass(slots=True)
class Unpacked:
    """An item read back, as far as all kinds have it in common.

    Attributes:
        payload: shape (bytes,), dtype uint8; a view.
        rest: the attributes of the kind's own; empty if the item has no attributes at all.
    """

    kind: Kind
    payload: Array
    subtype: int
    first: int
    second: int
    fortran: bool
    sequence: int
    timestamp_ms: int
    entered_ns: int
    metadata: dict[str, str] = field(default_factory=dict)
    rest: Attributes = field(default_factory=list)


def aligned(size: int) -> int:
    """Return `size` rounded up to where a next header may begin."""
    return -(-size // HEADER_BYTES) * HEADER_BYTES


def write(
    memory: memoryview,
    packed: Packed,
    *,
    sequence: int = 0,
    timestamp_ms: int = 0,
    entered_ns: int = 0,
    has_payload: bool = False,
) -> None:
    """Write an item into `memory`, which has at least `packed.total_bytes`: the one copy.

    Args:
        memory: where to.
        packed: the item.
        sequence: of the chunk that it came from.
        timestamp_ms: the client's, of that chunk.
        entered_ns: when that chunk entered the session.
        has_payload: leave the payload out, since it is there already.
    """
    _HEADER.pack_into(
        memory,
        0,
        _KIND_CODES[packed.kind],
        packed.subtype,
        _FORTRAN if packed.fortran else 0,
        len(packed.attributes),
        sequence,
        timestamp_ms,
        entered_ns,
        packed.payload_bytes,
        packed.first,
        packed.second,
    )
    end = HEADER_BYTES + packed.payload_bytes
    if packed.payload_bytes and not has_payload:
        _write_payload(memory, packed)
    if packed.attributes:
        memory[end : end + len(packed.attributes)] = packed.attributes


def _write_payload(memory: memoryview, packed: Packed) -> None:
    payload = packed.payload
    if isinstance(payload, bytes):
        memory[HEADER_BYTES : HEADER_BYTES + packed.payload_bytes] = payload
    elif isinstance(payload, np.ndarray):
        target = np.ndarray(
            payload.shape,
            payload.dtype,
            memory,
            HEADER_BYTES,
            order="F" if packed.fortran else "C",
        )
        np.copyto(target, payload)
    else:
        begin = HEADER_BYTES
        for member in payload:
            write(memory[begin : begin + member.total_bytes], member)
            begin += aligned(member.total_bytes)


def payload_bytes_of(memory: Array) -> int:
    """Return the length of the payload in `memory`, which begins with a header."""
    return int(_HEADER.unpack_from(memory.data)[7])


def read_header(memory: Array) -> tuple[Unpacked, int]:
    """Return what lies at the beginning of `memory`, and how many bytes it takes.

    Args:
        memory: read-only uint8, shape (bytes,), beginning with a header; may be longer.

    Raises:
        DataError: it is shorter than the header says.
        struct.error, KeyError, ValueError, msgspec.MsgspecError: this is no item.
    """
    (
        code,
        subtype,
        flags,
        attribute_bytes,
        sequence,
        timestamp_ms,
        entered_ns,
        payload_bytes,
        first,
        second,
    ) = _HEADER.unpack_from(memory.data)
    end = HEADER_BYTES + payload_bytes
    total = end + attribute_bytes
    if total > memory.size:
        raise DataError(f"an item of {total} bytes in {memory.size}")
    unpacked = Unpacked(
        _KINDS[code],
        memory[HEADER_BYTES:end],
        subtype,
        first,
        second,
        bool(flags & _FORTRAN),
        sequence,
        timestamp_ms,
        entered_ns,
    )
    if attribute_bytes:
        attributes = msgspec.msgpack.decode(memory[end:total].tobytes())
        unpacked.metadata, *unpacked.rest = attributes
    return unpacked, total
