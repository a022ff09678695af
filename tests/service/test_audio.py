"""Audio as clients send it: formats, and the legacy chunk."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.service.grpcio_client import Client
from tests.service.messages import audio, audio_buffer, chunk, control, error_name, make, pipeline

PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])
FLOATS = np.array([-1.0, -0.5, 0.0, 0.25, 1.0, 3.0], np.float32)
LEGACY: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {
    "F32": (FLOATS, FLOATS),
    "I16": (
        np.array([-32768, -16384, 0, 8192, 32767], np.int16),
        np.array([-1, -0.5, 0, 0.25, 32767 / 32768], np.float32),
    ),
    "I32": (
        np.array([-(2**31), -(2**30), 0, 2**29, 2**31 - 1], np.int32),
        np.array([-1, -0.5, 0, 0.25, (2**31 - 1) / 2**31], np.float32),
    ),
}


def legacy(buffer: Any, sequence: int, node: str = "a") -> Any:
    message = make("AudioChunk", node_id=node, buffer=buffer, sequence=sequence, timestamp_ms=5)
    return make("StreamRequest", audio_chunk=message)


@PLACES
@pytest.mark.parametrize("name", LEGACY)
def test_a_legacy_chunk_is_converted_to_floats_at_the_door(
    client: Client, name: str, place: str
) -> None:
    sent, expected = LEGACY[name]
    manifest = pipeline({"a": "PassThrough"}, places={"a": place})
    with client.pipeline(manifest, legacy(audio(sent), 3), control("CLOSE")) as stream:
        (result,) = stream.rest().results
    received = result.data_outputs["a"].audio
    assert result.sequence == 3
    assert received.format == 1
    assert (received.sample_rate, received.channels) == (16000, 1)
    assert received.num_samples == len(sent)
    np.testing.assert_array_equal(np.frombuffer(received.samples, "<f4"), expected)


def test_legacy_chunks_and_others_share_one_path_and_one_order(client: Client) -> None:
    samples = np.zeros(160, np.float32)
    mixed = [
        legacy(audio(samples), n) if n % 2 else chunk(audio_buffer(samples), n) for n in range(10)
    ]
    with client.pipeline(pipeline({"a": "PassThrough"}), *mixed, control("CLOSE")) as stream:
        rest = stream.rest()
    assert rest.sequences == list(range(10))
    (metrics,) = rest.of("metrics")
    assert dict(metrics.data_type_breakdown) == {"audio": 10}


def test_a_format_that_is_not_set_means_f32(client: Client) -> None:
    message = audio_buffer(FLOATS, format=0)
    with client.pipeline(
        pipeline({"a": "PassThrough", "b": "Describe"}),
        chunk(message, 1, "a"),
        chunk(message, 2, "b"),
        control("CLOSE"),
    ) as stream:
        results = {each.sequence: each for each in stream.rest().results}
    received = results[1].data_outputs["a"].audio
    assert received.format == 1
    np.testing.assert_array_equal(np.frombuffer(received.samples, "<f4"), FLOATS)


@pytest.mark.parametrize(("dtype", "name"), [(np.int16, "int16"), (np.int32, "int32")])
def test_a_format_is_honoured(client: Client, dtype: Any, name: str) -> None:
    samples = np.array([[1, -2], [3, -4]], dtype)
    with client.pipeline(
        pipeline({"a": "Describe"}), chunk(audio_buffer(samples), 1), control("CLOSE")
    ) as stream:
        (told,) = stream.rest().values("a")
    assert told == {"kind": "audio", "dtype": name, "shape": [2, 2], "values": [1, -2, 3, -4]}


def test_num_samples_may_be_left_out(client: Client) -> None:
    message = audio_buffer(FLOATS, num_samples=0)
    with client.pipeline(
        pipeline({"a": "PassThrough"}), chunk(message, 1), control("CLOSE")
    ) as stream:
        (result,) = stream.rest().results
    assert result.data_outputs["a"].audio.num_samples == len(FLOATS)


def test_metadata_json_is_kept_apart_from_none(client: Client) -> None:
    messages = [audio_buffer(FLOATS), audio_buffer(FLOATS, metadata_json=b"")]
    chunks = [chunk(message, n) for n, message in enumerate(messages)]
    with client.pipeline(pipeline({"a": "PassThrough"}), *chunks, control("CLOSE")) as stream:
        results = stream.rest().results
    kept = [each.data_outputs["a"].audio.HasField("metadata_json") for each in results]
    assert kept == [False, True]


def test_audio_through_a_resampler_comes_out_whole(client: Client) -> None:
    manifest = pipeline(
        {
            "a": ("FastResampleNode", {"sourceRate": 48000, "targetRate": 16000}),
            "b": ("AudioChunkerNode", {"chunkSize": 320}),
        },
        ["a > b"],
    )
    chunks = [
        chunk(audio_buffer(np.zeros(960, np.float32), sample_rate=48000), n) for n in range(10)
    ]
    with client.pipeline(manifest, *chunks, control("CLOSE")) as stream:
        rest = stream.rest()
    outputs = [each.data_outputs["b"].audio for each in rest.results]
    assert {each.sample_rate for each in outputs} == {16000}
    assert sum(each.num_samples for each in outputs) == 3200
    assert all(each.num_samples == 320 for each in outputs[:-1])
    assert rest.sequences == sorted(rest.sequences)


def test_a_legacy_chunk_without_channels_is_mono(client: Client) -> None:
    message = legacy(audio(FLOATS, channels=0), 1)
    with client.pipeline(pipeline({"a": "PassThrough"}), message, control("CLOSE")) as stream:
        (result,) = stream.rest().results
    assert result.data_outputs["a"].audio.channels == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"sample_rate": 0}, "sample_rate"), ({"channels": 7}, "7 channels"), ({"format": 8}, "8")],
)
def test_a_legacy_chunk_that_cannot_be_is_refused(
    client: Client, fields: dict[str, int], said: str
) -> None:
    message = legacy(audio(FLOATS, **fields), 1)
    with client.pipeline(pipeline({"a": "PassThrough"}), message) as stream:
        error = stream.rest().error
    assert (error_name(error), error.failing_node_id) == ("VALIDATION", "a")
    assert said in error.message


def test_a_legacy_chunk_must_name_a_node_that_takes_audio(client: Client) -> None:
    manifest = pipeline({"a": "CalculatorNode"})
    for node, kind in (("b", "VALIDATION"), ("", "VALIDATION"), ("a", "TYPE_VALIDATION")):
        with client.pipeline(manifest, legacy(audio(FLOATS), 1, node)) as stream:
            assert error_name(stream.rest().error) == kind
