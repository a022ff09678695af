"""The state of a node as bytes: all that a state may have, and nothing else."""

import pickle
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import Audio, Bundle, DataError, Json, Text
from runtime.execution.state_bytes import decoded_state, encoded_state

MOST = 2**20
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.text() | st.binary(),
    max_leaves=20,
)


@given(JSON)
def test_plain_values_come_back_as_they_were(value: object) -> None:
    assert decoded_state(encoded_state(value, MOST)) == value


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint8", "bool", "complex64", ">i4"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3)])
def test_arrays_come_back_bit_for_bit(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape)
    found = decoded_state(encoded_state({"a": [array]}, MOST))["a"][0]
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()
    assert not found.flags.writeable


def test_an_array_in_another_order_keeps_its_values() -> None:
    array = np.arange(12, dtype=np.int32).reshape(3, 4).T[:, ::2]
    assert (decoded_state(encoded_state(array, MOST)) == array).all()


def test_items_and_numbers_of_numpy_come_back() -> None:
    items = [
        Text("a", channel="ui", metadata={"x": "y"}),
        Json({"b": [1]}),
        Audio(np.ones((4, 2), np.int16), 8000),
        Bundle({"c": Text("d")}),
    ]
    state = {"items": tuple(items), "number": np.float64(0.5), "count": np.int64(3)}
    assert decoded_state(encoded_state(state, MOST)) == {
        "items": items,
        "number": 0.5,
        "count": 3,
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (object(), "a value of the type object"),
        ({1, 2}, "a value of the type set"),
        (np.array([object()]), "an array of object"),
        (np.array(["text"]), "an array of <U4"),
        ({1: 2}, "the key 1"),
        (2**64, "cannot be moved"),
        (complex(1, 2), "a value of the type complex"),
    ],
)
def test_another_value_is_refused(value: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        encoded_state({"x": value}, MOST)


def test_a_state_without_an_end_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(DataError, match="cannot be moved"):
        encoded_state(endless, MOST)


def test_a_large_state_is_refused_with_the_figures() -> None:
    with pytest.raises(DataError, match=r"1003 bytes; .* with 1000 \(limits.max_state_bytes\)"):
        encoded_state(bytes(1000), 1000)


@given(st.binary(max_size=200))
def test_other_bytes_are_no_state(data: bytes) -> None:
    with suppress(DataError):
        decoded_state(data)


@given(st.data())
def test_a_state_with_a_wrong_byte_is_none_or_another_one(data: st.DataObject) -> None:
    state = {"a": np.ones((2, 3), np.float32), "t": Text("x"), "n": [1, 2.5, None]}
    encoded = bytearray(encoded_state(state, MOST))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    with suppress(DataError):
        decoded_state(bytes(encoded))


def test_a_pickle_is_no_state() -> None:
    with pytest.raises(DataError):
        decoded_state(pickle.dumps({"a": 1}))
