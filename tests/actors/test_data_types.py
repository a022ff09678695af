"""Data items are checked when they are made, and nobody can change them afterwards."""

import dataclasses

import numpy as np
import pytest

from actors import (
    Audio,
    BatchHint,
    Binary,
    Bundle,
    CancelSpeculation,
    Control,
    Data,
    DataError,
    File,
    Json,
    Kind,
    NumpyArray,
    PixelFormat,
    Tensor,
    Text,
    Video,
)

ZEROS = np.zeros(4, np.float32)
GOOD: list[Data] = [
    Audio(np.zeros((4, 2), np.float32), 16000),
    Video(np.zeros(12, np.uint8), 2, 2),
    Tensor(np.zeros((2, 2), np.float16), "NC"),
    NumpyArray(np.zeros((2, 2), np.complex128)),
    Binary(b"abc", "text/plain"),
    Text("hello", "en", "ui"),
    Json({"a": 1}, "schema"),
    File("/a/b", "b"),
    Control(BatchHint(3), "segment"),
    Bundle({"left": Text("hello"), "right": Binary(b"abc")}),
]


def test_there_is_a_type_for_every_kind() -> None:
    assert {item.kind for item in GOOD} == set(Kind)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Audio([0.0], 16000), "audio samples must be a numpy array, got list"),  # type: ignore[arg-type]
        (lambda: Audio(np.zeros(4), 16000), "must be float32, int16 or int32, got float64"),
        (lambda: Audio(np.zeros((1, 2, 3), np.float32), 16000), r"\(frames, channels\)"),
        (lambda: Audio(np.zeros((4, 0), np.float32), 16000), r"\(frames, channels\)"),
        (lambda: Audio(ZEROS, 0), r"sample_rate \(Hz\) must be an integer from 1"),
        (lambda: Audio(ZEROS, 16000.0), "sample_rate"),  # type: ignore[arg-type]
        (lambda: Video(np.zeros(11, np.uint8), 2, 2), "2 x 2 RGB24 frame has 12 bytes, got 11"),
        (lambda: Video(np.zeros(5, np.uint8), 2, 2, PixelFormat.I420), "6 bytes, got 5"),
        (lambda: Video(np.zeros(12, np.int8), 2, 2), "must be uint8, got int8"),
        (lambda: Video(np.zeros(12, np.uint8), -2, 2), "width"),
        (lambda: Tensor(np.zeros(4)), "float32, float16, int32, int8, uint8, got float64"),
        (lambda: NumpyArray(np.array([object()])), "plain values, got dtype object"),
        (lambda: NumpyArray(np.zeros(2, [("a", "f4")])), "plain values"),
        (lambda: Binary("text"), "binary data must be a numpy array, got str"),  # type: ignore[arg-type]
        (lambda: Text(b"bytes"), "a text must be text, got bytes"),  # type: ignore[arg-type]
        (lambda: Text("\ud800"), "cannot be written as UTF-8"),
        (lambda: Json(float("nan")), "cannot carry this value"),
        (lambda: Json(object()), "cannot carry this value"),
        (lambda: Json.from_text("{broken").value, "not JSON .*{broken"),
        (lambda: File("/a", size=-1), r"size \(bytes\)"),
        (lambda: Control("stop"), "got str"),  # type: ignore[arg-type]
        (lambda: Control(CancelSpeculation(0, -1)), "to_timestamp"),
        (lambda: Bundle({}), "at least one member"),
        (lambda: Bundle([Text("x")]), "must be a mapping, got list"),  # type: ignore[arg-type]
        (lambda: Bundle({"": Text("x")}), "must not be empty"),
        (lambda: Bundle({1: Text("x")}), "name of a bundle's member must be text, got int"),  # type: ignore[dict-item]
        (lambda: Bundle({"a": "x"}), "got str for 'a'"),  # type: ignore[dict-item]
        (lambda: Bundle({"a": Bundle({"b": Text("x")})}), "no bundle, got Bundle for 'a'"),
        (lambda: Text("x", metadata={"a": 1}), r"metadata\['a'\] must be text, got int"),  # type: ignore[dict-item]
    ],
)
def test_what_does_not_fit_is_refused_with_what_was_wrong(make: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("item", GOOD, ids=lambda item: item.kind.value)
def test_an_item_cannot_be_changed(item: Data) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        item.metadata = {}  # type: ignore[misc]
    with pytest.raises(TypeError):
        item.with_metadata(a="b").metadata["a"] = "c"  # type: ignore[index]
    for field in dataclasses.fields(item):
        value = getattr(item, field.name)
        if isinstance(value, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                value[...] = 1


@pytest.mark.parametrize("item", GOOD, ids=lambda item: item.kind.value)
def test_metadata_is_added_to_a_copy_that_shares_the_rest(item: Data) -> None:
    tagged = item.with_metadata(who="me").with_metadata(when="now")
    assert dict(tagged.metadata) == {"who": "me", "when": "now"}
    assert item.metadata == {}
    assert tagged != item
    for field in dataclasses.fields(item):
        value = getattr(item, field.name)
        if isinstance(value, np.ndarray):
            assert np.shares_memory(value, getattr(tagged, field.name))


def test_an_array_that_was_handed_over_is_closed_to_its_maker_too() -> None:
    samples = np.zeros(4, np.float32)
    Audio(samples, 16000)
    with pytest.raises(ValueError, match="read-only"):
        samples[0] = 1


def test_making_an_item_copies_nothing() -> None:
    samples = np.zeros((4, 2), np.float32)
    assert np.shares_memory(Audio(samples, 16000).samples, samples)
    assert Audio(Audio(samples, 16000).samples[1:3], 16000).samples.base is not None


def test_a_copy_can_be_written() -> None:
    samples = Audio(np.zeros(4, np.float32), 16000).samples.copy()
    samples[0] = 1
    assert samples[0] == 1


def test_items_are_equal_bit_for_bit() -> None:
    nan = np.array([np.nan, -0.0], np.float32)
    assert Audio(nan.copy(), 16000) == Audio(nan.copy(), 16000)
    assert Audio(nan.copy(), 16000) != Audio(np.array([np.nan, 0.0], np.float32), 16000)
    assert Audio(nan.copy(), 16000) != Audio(nan.copy(), 8000)
    assert Tensor(np.zeros(2, np.float32)) != NumpyArray(np.zeros(2, np.float32))


def test_integer_audio_is_scaled_as_the_contract_says() -> None:
    pcm = Audio(np.array([-32768, 0, 16384], np.int16), 16000)
    assert pcm.as_float().tolist() == [[-1.0], [0.0], [0.5]]
    wide = Audio(np.array([-(2**31), 2**30], np.int32), 16000)
    assert wide.as_float().tolist() == [[-1.0], [0.5]]
    floats = Audio(np.zeros((3, 2), np.float32), 16000)
    assert floats.as_float() is floats.samples


def test_channels_are_mixed_to_their_mean() -> None:
    stereo = Audio(np.array([[1.0, 0.0], [0.5, -0.5]], np.float32), 16000)
    assert stereo.as_mono().tolist() == [0.5, 0.0]
    assert (stereo.channels, stereo.frames, stereo.duration_seconds) == (2, 2, 2 / 16000)


def test_a_packed_frame_is_an_image_and_a_planar_one_is_not() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert (Video(image, 4, 2).image == image).all()
    with pytest.raises(DataError, match="I420 frame has no packed image"):
        Video(np.zeros(12, np.uint8), 4, 2, PixelFormat.I420).image


def test_a_json_value_is_the_readers_own() -> None:
    item = Json({"list": [1]})
    value = item.value
    assert isinstance(value, dict)
    value["list"].append(2)
    assert item.value == {"list": [1]}


def test_json_takes_numpy_numbers() -> None:
    assert Json({"a": np.float32(0.5), "b": np.arange(3)}).value == {"a": 0.5, "b": [0, 1, 2]}


def test_binary_takes_bytes_and_gives_them_back() -> None:
    mutable = bytearray(b"abc")
    item = Binary(mutable)
    mutable[0] = 0
    assert bytes(item) == b"abc"


def test_a_bundle_is_closed_and_compares_its_members() -> None:
    members = {"a": Text("x"), "b": Audio(ZEROS, 16000)}
    bundle = Bundle(members)
    members["a"] = Text("y")
    assert bundle["a"] == Text("x")
    with pytest.raises(TypeError):
        bundle.members["a"] = Text("y")  # type: ignore[index]
    assert bundle == Bundle({"b": Audio(ZEROS.copy(), 16000), "a": Text("x")})
    assert bundle != Bundle(members)
