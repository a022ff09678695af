"""Items that refer to memory elsewhere: an array inside of the slot, or a DataError."""

import math
import os
import struct
import tempfile
from typing import Any, Final

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import DataError, NumpyArray
from runtime.links.shared import SEGMENTS, DomainSpec
from runtime.links.shared.borrows import Borrows
from runtime.links.shared.packing import read
from runtime.links.shared.references import References
from runtime.links.shared.segments import SegmentMaps

_FILE_BYTES: Final = 64 * 1024
_HEADER: Final = struct.Struct("<BBBBIQQQQIIQ")
_RECORD: Final = struct.Struct("<QQQQQQQB")
_NUMPY: Final = 8

_NUMBERS = st.sampled_from([0, 1, 8, 64, 128, 1024, 4096, _FILE_BYTES, 2**40, 2**63, 2**64 - 1])
_STRIDES = st.sampled_from([0, 1, 4, 8, -4, -8, 64, 4096, 2**31, 2**62, -(2**62), 2**63 - 1])
_COUNTS = st.sampled_from([0, 1, 2, 3, 8, 16, 64, 1024, 2**31, 2**62, 2**63])

_RIGHT = st.tuples(
    *map(st.just, (0, 16384, 64, 8192)), st.sampled_from([0, 64, 4096]), st.just(1024)
)

EXAMPLES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "numbers": _RIGHT
        | _RIGHT
        | st.just((0, 4096, 64, 1024, 0, 1024))
        | st.tuples(*[_NUMBERS] * 6),
        "inode": st.sampled_from(["right", "right", "right", "wrong"]),
        "strides": st.lists(_STRIDES, max_size=4) | st.lists(st.integers(-40, 40), max_size=3),
        "name": st.sampled_from([b"data"] * 4 + [b"", b"../x", b"none", b"a\0b"]),
        "dtype": st.sampled_from(["<f4", "|u1", "<c16", "<M8[ns]", "|O8"]),
        "shape": st.none() | st.lists(_COUNTS, max_size=4),  # None: one that fits
        "rest": st.binary(max_size=3),
    }
)


@settings(max_examples=150, deadline=None)
@given(st.lists(EXAMPLES, min_size=8, max_size=8))
def test_a_reference_of_any_numbers_is_an_array_of_its_slot_or_refused(
    examples: list[dict[str, Any]],
) -> None:
    with tempfile.TemporaryDirectory() as root:
        domain = DomainSpec(f"mr{os.getpid():x}-broken-", root)
        file = SEGMENTS / f"{domain.prefix}data"
        try:
            file.write_bytes(bytes(_FILE_BYTES))
            maps = SegmentMaps(domain)
            for example in examples:
                _check(maps, domain.prefix.encode(), file.stat().st_ino, example)
        finally:
            domain.remove()


def _check(maps: SegmentMaps, prefix: bytes, inode: int, example: dict[str, Any]) -> None:
    """Read an item with a reference, and every byte of its array."""
    strides = example["strides"]
    record = b"".join(
        (
            _RECORD.pack(*example["numbers"], inode + (example["inode"] == "wrong"), len(strides)),
            struct.pack(f"<{len(strides)}q", *strides),
            prefix + example["name"],
            example["rest"] if example["name"] != b"data" else b"",
        )
    )
    shape = example["shape"]
    if shape is None:
        count = example["numbers"][5] // np.dtype(example["dtype"]).itemsize
        shape = [1] * (len(strides) - 2) + ([2] if len(strides) > 1 else [])
        shape.append(count // max(1, math.prod(shape)))
    attributes = msgspec.msgpack.encode([{}, example["dtype"], shape, ""])
    header = _HEADER.pack(_NUMPY, 0, 2, 0, len(attributes), 0, 0, 0, len(record), 0, 0, 0).ljust(
        64, b"\0"
    )
    references = References(maps, Borrows(32, 2**20))
    try:
        data, _ = read(memoryview(header + record + attributes), references.resolve)
    except DataError as error:
        str(error).encode()
    else:
        assert isinstance(data, NumpyArray)
        assert not data.array.flags.writeable
        assert data.array.nbytes <= _FILE_BYTES
        data.array.tobytes()
