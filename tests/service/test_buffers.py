"""Every kind of buffer, there and back; and those that say what cannot be."""

import json
from typing import Any, Literal

import numpy as np
import pytest

from tests.service.grpcio_client import Client
from tests.service.messages import (
    chunk,
    control,
    enum_number,
    error_name,
    json_buffer,
    make,
    named_chunk,
    pipeline,
    text_buffer,
)

PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])


def buffer(kind: str, message: str, /, **fields: Any) -> Any:
    return make("DataBuffer", **{kind: make(message, **fields)})


def of_array(array: np.ndarray) -> Any:
    """Return what a client that knows numpy sends: the bytes as they lie, and their strides."""
    order: Literal["F", "C"] = (
        "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    )
    return buffer(
        "numpy",
        "NumpyBuffer",
        data=array.tobytes(order),
        shape=array.shape,
        dtype=array.dtype.name if array.dtype.name in ("float64", "bool") else array.dtype.str,
        strides=array.strides,
        c_contiguous=array.flags.c_contiguous,
        f_contiguous=array.flags.f_contiguous,
    )


def as_array(message: Any) -> np.ndarray:
    """Read an array as the contract has it: elements in the order that the strides say."""
    flat = np.frombuffer(message.data, np.dtype(message.dtype))
    if not flat.size:
        return flat.reshape(tuple(message.shape))
    return np.lib.stride_tricks.as_strided(flat, tuple(message.shape), tuple(message.strides))


def pixel_format(name: str) -> int:
    return enum_number("PixelFormat", f"PIXEL_FORMAT_{name}")


def tensor_dtype(name: str) -> int:
    return enum_number("TensorDtype", f"TENSOR_DTYPE_{name}")


SAMPLES = np.linspace(-1, 1, 320, dtype="<f4")
BUFFERS: dict[str, Any] = {
    "audio": buffer(
        "audio",
        "AudioBuffer",
        samples=SAMPLES.tobytes(),
        sample_rate=44100,
        channels=2,
        format=1,
        num_samples=320,
        metadata_json=b'{"take": 1}',
    ),
    "audio I16": buffer(
        "audio",
        "AudioBuffer",
        samples=b"\0\1" * 30,
        sample_rate=8000,
        channels=3,
        format=2,
        num_samples=30,
    ),
    "audio I32": buffer(
        "audio",
        "AudioBuffer",
        samples=b"\0\1\2\3" * 8,
        sample_rate=1,
        channels=1,
        format=3,
        num_samples=8,
    ),
    "no audio": buffer("audio", "AudioBuffer", sample_rate=16000, channels=1, format=1),
    "RGB24": buffer(
        "video",
        "VideoFrame",
        pixel_data=bytes(range(18)),
        width=3,
        height=2,
        format=pixel_format("RGB24"),
        frame_number=7,
        timestamp_us=123,
    ),
    "an odd I420": buffer(
        "video",
        "VideoFrame",
        pixel_data=bytes(9 + 2 * 4),
        width=3,
        height=3,
        format=pixel_format("I420"),
    ),
    "an encoded frame": buffer(
        "video",
        "VideoFrame",
        pixel_data=b"nal",
        width=640,
        height=480,
        format=pixel_format("ENCODED"),
        codec=2,
        is_keyframe=True,
    ),
    "a frame of no format": buffer("video", "VideoFrame", pixel_data=b"?", width=1, height=9),
    "an empty frame": buffer("video", "VideoFrame"),
    "tensor F32": buffer(
        "tensor",
        "TensorBuffer",
        data=bytes(24),
        shape=[2, 3],
        dtype=tensor_dtype("F32"),
        layout="NC",
    ),
    "tensor F16": buffer(
        "tensor", "TensorBuffer", data=b"\0\x3c", shape=[1], dtype=tensor_dtype("F16")
    ),
    "a 0-d tensor I32": buffer(
        "tensor", "TensorBuffer", data=b"\1\0\0\0", dtype=tensor_dtype("I32")
    ),
    "tensor I8": buffer("tensor", "TensorBuffer", data=b"\xff", shape=[1], dtype=4),
    "an empty tensor U8": buffer("tensor", "TensorBuffer", shape=[3, 0, 2], dtype=5),
    "json": buffer("json", "JsonData", json_payload=' {"a": [1, 2.50]}', schema_type="thing"),
    "text": buffer(
        "text",
        "TextBuffer",
        text_data="Grüße \N{SNOWMAN}\0".encode(),
        encoding="UTF-8",
        language="de",
        channel="ui",
    ),
    "empty text": buffer("text", "TextBuffer"),
    "binary": buffer("binary", "BinaryBuffer", data=bytes(range(256)), mime_type="image/png"),
    "empty binary": buffer("binary", "BinaryBuffer"),
    "cancel speculation": buffer(
        "control",
        "ControlMessage",
        cancel_speculation=make("CancelSpeculation", from_timestamp=1, to_timestamp=2**64 - 1),
        segment_id="s",
        timestamp_ms=9,
        metadata="{}",
    ),
    "batch hint": buffer(
        "control", "ControlMessage", batch_hint=make("BatchHint", suggested_batch_size=8)
    ),
    "deadline warning": buffer(
        "control", "ControlMessage", deadline_warning=make("DeadlineWarning", deadline_us=0)
    ),
    "control of nothing": buffer("control", "ControlMessage", segment_id="s"),
    "file": buffer("file", "FileBuffer", filename="song.wav", size=2**40, stream_id="f1"),
}


@PLACES
def test_every_kind_of_buffer_comes_back_as_it_went(client: Client, place: str) -> None:
    sent = {name: make("DataBuffer") for name in BUFFERS}
    for name, message in sent.items():
        message.CopyFrom(BUFFERS[name])
        message.metadata.update({"name": name, "": "empty", "ключ": "значение"})
    received = there_and_back(client, place, list(sent.values()))
    assert dict(zip(sent, received, strict=True)) == sent


def there_and_back(client: Client, place: str, buffers: list[Any]) -> list[Any]:
    chunks = [chunk(message, n) for n, message in enumerate(buffers)]
    manifest = pipeline({"a": "PassThrough"}, places={"a": place})
    with client.pipeline(manifest, *chunks, control("CLOSE")) as stream:
        return [each.data_outputs["a"] for each in stream.rest().results]


ARRAYS: dict[str, np.ndarray] = {
    "float64": np.arange(6, dtype=np.float64).reshape(2, 3),
    "F order": np.asfortranarray(np.arange(24, dtype=np.int32).reshape(2, 3, 4)),
    "0-d": np.array(5, np.int64),
    "empty": np.zeros((0, 3), np.float32),
    "one element": np.ones((1, 1, 1), np.uint16),
    "bool": np.array([[True, False], [False, True]]),
    "complex64": np.array([1 + 2j, 3 - 4j], np.complex64),
    "float16": np.array([1.5, np.nan, np.inf], np.float16),
    "uint64": np.array([2**64 - 1], np.uint64),
    "big endian": np.array([1, 2, 3], ">i4"),
    "datetime64": np.array(["2026-01-01", "NaT"], "datetime64[D]"),
    "text": np.array(["one", "three"]),
    "bytes": np.array([b"one", b"\0\1"], "S3"),
    "many dimensions": np.arange(64, dtype=np.int8).reshape((2,) * 6),
}


@PLACES
def test_every_kind_of_array_comes_back_as_it_went(client: Client, place: str) -> None:
    messages = [of_array(array) for array in ARRAYS.values()]
    received = there_and_back(client, place, messages)
    for (name, sent), message in zip(ARRAYS.items(), received, strict=True):
        array = as_array(message.numpy)
        assert array.dtype == sent.dtype.newbyteorder("="), name
        assert array.shape == sent.shape, name
        np.testing.assert_array_equal(array, sent, name)
        assert message.numpy.c_contiguous == array.flags.c_contiguous, name
        assert message.numpy.f_contiguous == array.flags.f_contiguous, name


BASE = np.arange(24, dtype=np.int16)
STRIDED: dict[str, tuple[dict[str, Any], np.ndarray]] = {
    "every other row, with all the bytes": (
        {"shape": [2, 4], "strides": [16, 2]},
        BASE.reshape(6, 4)[:4:2],
    ),
    "reversed": ({"shape": [24], "strides": [-2]}, BASE[::-1]),
    "packed by tobytes(), the strides of overlapping windows": (
        {"shape": [6, 4], "strides": [2, 2]},
        BASE.reshape(6, 4),
    ),
    "packed by tobytes(), the strides of a broadcast": (
        {"shape": [6, 4], "strides": [0, 2]},
        BASE.reshape(6, 4),
    ),
    "a transpose": (
        {"shape": [4, 6], "strides": [2, 8], "f_contiguous": True},
        BASE.reshape(6, 4).T,
    ),
    "packed by tobytes(), the strides of what it was": (
        {"shape": [6, 4], "strides": [16, 4]},
        BASE.reshape(6, 4),
    ),
    "no strides, and F order": (
        {"shape": [6, 4], "f_contiguous": True},
        BASE.reshape(4, 6).T,
    ),
    "no strides, nothing said": ({"shape": [6, 4]}, BASE.reshape(6, 4)),
    "no strides, both orders said": (
        {"shape": [24, 1], "c_contiguous": True, "f_contiguous": True},
        BASE.reshape(24, 1),
    ),
}


@pytest.mark.parametrize("name", STRIDED)
def test_strides_are_understood(client: Client, name: str) -> None:
    fields, expected = STRIDED[name]
    message = buffer("numpy", "NumpyBuffer", data=BASE.tobytes(), dtype="int16", **fields)
    with client.pipeline(
        pipeline({"a": "Describe"}), chunk(message, 1), control("CLOSE")
    ) as stream:
        (told,) = stream.rest().values("a")
    assert told["shape"] == list(expected.shape)
    assert told["values"] == expected.ravel().tolist()


def audio(**fields: Any) -> Any:
    settings = {"samples": b"\0" * 8, "sample_rate": 16000, "channels": 1, "format": 1, **fields}
    return buffer("audio", "AudioBuffer", **settings)


def numpy(**fields: Any) -> Any:
    return buffer(
        "numpy", "NumpyBuffer", **{"data": b"\0" * 8, "shape": [8], "dtype": "u1", **fields}
    )


BAD: dict[str, tuple[Any, str]] = {
    "a sample rate of 0": (audio(sample_rate=0), "sample_rate"),
    "half a sample": (audio(samples=b"\0" * 7), "7 bytes"),
    "channels that do not fit": (audio(channels=3), "3 channels"),
    "an unknown audio format": (audio(format=9), "format 9"),
    "a count that does not fit": (audio(num_samples=3), "num_samples is 3"),
    "pixels that do not fit": (
        buffer("video", "VideoFrame", pixel_data=b"123", width=2, height=2, format=1),
        "12 bytes",
    ),
    "an unknown pixel format": (
        buffer("video", "VideoFrame", pixel_data=b"1", width=1, height=1, format=77),
        "77",
    ),
    "an unknown codec": (
        buffer("video", "VideoFrame", pixel_data=b"1", format=255, codec=42),
        "42",
    ),
    "a tensor of no dtype": (buffer("tensor", "TensorBuffer", data=b"1", shape=[1]), "dtype"),
    "a tensor of an unknown dtype": (
        buffer("tensor", "TensorBuffer", data=b"1", shape=[1], dtype=99),
        "99",
    ),
    "a tensor shape that does not fit": (
        buffer("tensor", "TensorBuffer", data=b"1", shape=[2], dtype=5),
        "[2]",
    ),
    "a shape beyond all bounds": (
        buffer("tensor", "TensorBuffer", data=b"", shape=[2**63, 2**63, 0, 2**40], dtype=5),
        "shape",
    ),
    "too many dimensions": (numpy(shape=[1] * 70), "dimensions"),
    "no dtype": (numpy(dtype=""), "dtype"),
    "a dtype that is none": (numpy(dtype="float33"), "float33"),
    "a dtype of objects": (numpy(dtype="object"), "object"),
    "a dtype of fields": (numpy(dtype="u1,u1"), "u1,u1"),
    "a dtype that is code": (numpy(dtype="__import__('os')"), "dtype"),
    "a dtype of no size": (numpy(dtype="S0"), "S0"),
    "a dtype of a million fields": (numpy(dtype="i4," * 1_000_000), "expected the name of one"),
    "a dtype of a shape": (numpy(dtype="(2,)u1"), "expected the name of one"),
    "half an element": (numpy(data=b"123", dtype="int16"), "3 bytes"),
    "a numpy shape that does not fit": (numpy(shape=[2, 3]), "[2, 3]"),
    "more elements than there are": (numpy(shape=[2**20, 2**20], strides=[0, 0]), "strides"),
    "strides that split elements": (numpy(dtype="i2", shape=[2], strides=[1]), "strides"),
    "strides that lead out": (numpy(shape=[3], strides=[4]), "strides"),
    "strides that lead out at the front": (numpy(shape=[3], strides=[-4]), "strides"),
    "a length that is negative for others": (numpy(shape=[2**64 - 1]), "shape"),
    "strides for other dimensions": (numpy(strides=[1, 1]), "strides"),
    "text that is not UTF-8": (buffer("text", "TextBuffer", text_data=b"\xff"), "UTF-8"),
    "JSON that is empty": (buffer("json", "JsonData"), "empty"),
    "JSON that is not JSON": (
        buffer("json", "JsonData", json_payload='{"a": nothing}'),
        "byte 7: 'othing}'",
    ),
    "JSON that ends too early": (buffer("json", "JsonData", json_payload="[1, 2"), "incomplete"),
    "JSON with NaN": (buffer("json", "JsonData", json_payload="[NaN]"), "NaN"),
    "JSON of half a surrogate pair": (
        buffer("json", "JsonData", json_payload='"\\ud800"'),
        "surrogate",
    ),
    "JSON that is nested too deeply": (
        buffer("json", "JsonData", json_payload="[" * 100_000 + "]" * 100_000),
        "nested",
    ),
    "an encoding that is not UTF-8": (
        buffer("text", "TextBuffer", text_data=b"x", encoding="latin-1"),
        "latin-1",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_buffer_that_does_not_fit_together_is_refused(
    client: Client, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    message, said = BAD[name]
    with client.pipeline(pipeline({"a": "PassThrough"}), chunk(message, 1)) as stream:
        error = stream.rest().error
    assert error_name(error) == "VALIDATION", error
    assert error.failing_node_id == "a"
    assert said in error.message, error.message
    assert caplog.records == []


@PLACES
def test_named_buffers_are_one_item_of_many_inputs(client: Client, place: str) -> None:
    manifest = pipeline({"a": "PairSum"}, places={"a": place})
    with client.pipeline(
        manifest,
        named_chunk({"left": json_buffer(1), "right": json_buffer(2)}, 8),
        control("CLOSE"),
    ) as stream:
        rest = stream.rest()
    assert rest.sequences == [8]
    assert rest.values("a") == [3]


def test_one_named_buffer_is_that_item_for_a_node_that_takes_no_bundles(client: Client) -> None:
    sum_of_two = {"operation": "add", "operands": [1, 2]}
    with client.pipeline(
        pipeline({"a": "CalculatorNode"}, places={"a": "native"}),
        named_chunk({"in": json_buffer(sum_of_two)}, 1),
        control("CLOSE"),
    ) as stream:
        (value,) = stream.rest().values("a")
    assert value["result"] == 3


def test_what_is_wrong_with_a_named_buffer_names_it(client: Client) -> None:
    with client.pipeline(
        pipeline({"a": "PassThrough"}),
        named_chunk({"ok": json_buffer(1), "odd": make("DataBuffer")}, 1),
    ) as stream:
        error = stream.rest().error
    assert (error_name(error), error.failing_node_id) == ("VALIDATION", "a")
    assert "'odd'" in error.message


def test_audio_without_channels_is_mono(client: Client) -> None:
    message = audio(channels=0, num_samples=2)
    (result,) = there_and_back(client, "native", [message])
    assert (result.audio.channels, result.audio.samples) == (1, b"\0" * 8)


def test_a_bundle_that_comes_out_is_one_result_per_port(client: Client) -> None:
    with client.pipeline(
        pipeline({"a": "PassThrough"}),
        named_chunk({"left": json_buffer(1), "right": text_buffer("two")}, 3),
        control("CLOSE"),
    ) as stream:
        results = stream.rest().results
    assert [each.sequence for each in results] == [3, 3]
    ports = {each.data_outputs["a"].metadata["port"]: each.data_outputs["a"] for each in results}
    assert json.loads(ports["left"].json.json_payload) == 1
    assert ports["right"].text.text_data == b"two"


@pytest.mark.parametrize("mebibytes", [10, 40])
def test_a_long_message_passes_both_ways(client: Client, mebibytes: int) -> None:
    size = mebibytes * 1024 * 1024
    message = buffer("binary", "BinaryBuffer", data=b"\xa5" * size)
    with client.pipeline(
        pipeline({"a": "PassThrough"}), chunk(message, 1), control("CLOSE")
    ) as stream:
        (result,) = stream.rest().results
    assert result.data_outputs["a"].binary.data == message.binary.data
