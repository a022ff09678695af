"""What a broken node process writes into shared memory is refused where it is read."""

import struct
from typing import Any

import msgspec
import numpy as np
import pytest

from actors import (
    Audio,
    Binary,
    Bundle,
    Control,
    Data,
    DataError,
    File,
    Json,
    NumpyArray,
    Tensor,
    Text,
    Video,
)
from runtime.links import Item
from runtime.links.shared import item_bytes, item_of_bytes

HEADER_BYTES = 64
AUDIO = Audio(np.zeros((4, 1), np.float32), 16_000)
TENSOR = Tensor(np.zeros(4, np.float32))
WRONG_ATTRIBUTES: dict[str, tuple[Data, list[Any]]] = {
    "metadata that is no map": (AUDIO, [1, None]),
    "metadata of numbers": (AUDIO, [{"a": 1}, None]),
    "audio metadata that is no bytes": (AUDIO, [{}, 5]),
    "a flag that is a number": (Video(np.zeros(12, np.uint8), 2, 2), [{}, 1, 2, 0, 27]),
    "a negative frame number": (Video(np.zeros(12, np.uint8), 2, 2), [{}, -1, 2, 0, True]),
    "a layout that is no text": (TENSOR, [{}, "<f4", [4], None]),
    "a shape that is no list": (TENSOR, [{}, "<f4", 4, ""]),
    "a negative length": (TENSOR, [{}, "<f4", [-2, -2], ""]),
    "a type that is none": (TENSOR, [{}, ",4", [4], ""]),
    "a type of fields": (NumpyArray(np.zeros(4, np.float32)), [{}, "f2,f2", [4], ""]),
    "a type of objects": (NumpyArray(np.zeros(4, np.float32)), [{}, "|O8", [2], ""]),
    "a MIME type that is a list": (Binary(b"x"), [{}, []]),
    "a language that is bytes": (Text("x"), [{}, b"de", "", ""]),
    "a schema that is nothing": (Json(1), [{}, None]),
    "a negative size": (File("/a"), [{}, "/a", "", "", -1, 0, 0, ""]),
    "a control message of an unknown kind": (Control(None), [{}, [9], "", 0, ""]),
    "a control message of too many numbers": (Control(None), [{}, [2, 1, 1], "", 0, ""]),
    "too few attributes": (File("/a"), [{}]),
    "ports that are no texts": (Bundle({"p": Text("x")}), [{}, [1]]),
    "more ports than members": (Bundle({"p": Text("x")}), [{}, ["p", "q"]]),
}


def forged(data: Data, attributes: bytes) -> bytes:
    """Return the bytes of an item with other attributes."""
    whole = bytearray(item_bytes(Item(data, 1, "node", 2, 3)))
    (old,) = struct.unpack_from("<I", whole, 4)
    del whole[len(whole) - old :]
    struct.pack_into("<I", whole, 4, len(attributes))
    return bytes(whole + attributes)


@pytest.mark.parametrize("name", WRONG_ATTRIBUTES)
def test_attributes_of_another_type_are_refused(name: str) -> None:
    data, attributes = WRONG_ATTRIBUTES[name]
    with pytest.raises(DataError):
        item_of_bytes(forged(data, msgspec.msgpack.encode(attributes)), "node")


def test_attributes_that_are_no_msgpack_are_refused() -> None:
    with pytest.raises(DataError):
        item_of_bytes(forged(AUDIO, b"\xc1"), "node")


def test_audio_without_a_sample_rate_is_refused() -> None:
    whole = bytearray(item_bytes(Item(AUDIO, 1, "node", 2, 3)))
    struct.pack_into("<I", whole, 40, 0)
    with pytest.raises(DataError, match="0 Hz"):
        item_of_bytes(bytes(whole), "node")


@pytest.mark.parametrize("length", range(0, HEADER_BYTES + 16, 3))
def test_an_item_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(DataError):
        item_of_bytes(item_bytes(Item(AUDIO, 1, "node", 2, 3))[:length], "node")
