"""The codec as an application uses it."""

import asyncio
import pickle
from collections.abc import AsyncIterator
from typing import Any

import betterproto2
import numpy as np
import pytest
from grpclib.testing import ChannelFor

from runtime.errors import CallerError
from runtime.wire import (
    AudioBuffer,
    AudioChunk,
    AudioFormat,
    ChunkResult,
    DataBuffer,
    DataChunk,
    Hello,
    InitProgressUpdate,
    NodeManifest,
    NodeResult,
    StreamingPipelineServiceBase,
    StreamingPipelineServiceStub,
    StreamInit,
    StreamMetrics,
    StreamRequest,
    StreamResponse,
    TensorBuffer,
    TextBuffer,
    VideoFrame,
)
from runtime.wire.codec import Codec, DecodeError, EncodeError, as_payload

SAMPLES = np.arange(160, dtype=np.float32)


def audio_chunk(samples: Any) -> DataChunk:
    return DataChunk(node_id="echo", buffer=DataBuffer(audio=AudioBuffer(samples=samples)))


def test_a_payload_is_a_view_of_what_was_received(codec: Codec) -> None:
    data = codec.encode(audio_chunk(SAMPLES.tobytes()))
    received = codec.decode(data, DataChunk)
    assert received == audio_chunk(SAMPLES.tobytes())
    assert received.buffer is not None
    assert received.buffer.audio is not None
    view: object = received.buffer.audio.samples
    assert isinstance(view, memoryview)
    assert view.readonly
    assert view.obj is data
    np.testing.assert_array_equal(np.frombuffer(view, np.float32), SAMPLES)


def test_a_payload_of_what_may_change_is_a_view_of_a_copy(codec: Codec) -> None:
    data = bytearray(codec.encode(TensorBuffer(data=b"\1\2\3")))
    received = codec.decode(data, TensorBuffer)
    data[:] = bytes(len(data))
    assert received.data == b"\1\2\3"


def test_a_payload_of_a_read_only_view_is_a_view_of_the_same(codec: Codec) -> None:
    data = codec.encode(TensorBuffer(data=b"\1\2\3"))
    received: object = codec.decode(memoryview(data), TensorBuffer).data
    assert isinstance(received, memoryview)
    assert received.obj is data


@pytest.mark.parametrize("form", [bytes, memoryview])
def test_text_and_metadata_are_bytes(codec: Codec, form: type[Any]) -> None:
    assert codec.decode(form(b"\x0a\x02hi"), TextBuffer).text_data.decode() == "hi"
    assert type(codec.decode(form(b"\x32\x02{}"), AudioBuffer).metadata_json) is bytes


def test_a_received_message_is_whole_for_betterproto2_too(codec: Codec) -> None:
    data = codec.encode(audio_chunk(b"\0" * 8))
    received = codec.decode(data, DataChunk)
    assert bytes(received) == data
    assert pickle.loads(pickle.dumps(received)) == received
    assert received.to_dict() == audio_chunk(b"\0" * 8).to_dict()
    assert vars(codec.decode(b"", AudioBuffer)) == vars(AudioBuffer())
    assert vars(codec.decode(b"", DataBuffer)) == vars(DataBuffer())


def test_messages_share_nothing_that_can_change(codec: Codec) -> None:
    one, other = codec.decode(b"", DataBuffer), codec.decode(b"", DataBuffer)
    one.metadata["key"] = "value"
    assert other.metadata == {}


@pytest.mark.parametrize(
    "samples",
    [
        SAMPLES.tobytes(),
        bytearray(SAMPLES.tobytes()),
        memoryview(SAMPLES.tobytes()),
        SAMPLES,
        SAMPLES.reshape(2, 4, 20),
        as_payload(SAMPLES.reshape(2, 80)),
    ],
    ids=["bytes", "bytearray", "memoryview", "array", "array of 3 axes", "as_payload"],
)
def test_a_payload_may_be_any_contiguous_buffer(samples: Any, codec: Codec) -> None:
    assert codec.encode(audio_chunk(samples)) == bytes(audio_chunk(SAMPLES.tobytes()))


@pytest.mark.parametrize("empty", [b"", np.empty(0, np.float32), np.empty((0, 2)), as_payload(b"")])
def test_an_empty_payload_is_not_written_and_empty_metadata_is(empty: Any, codec: Codec) -> None:
    assert codec.encode(AudioBuffer(samples=empty)) == b""
    assert codec.encode(AudioBuffer(metadata_json=empty)) == b"\x32\x00"


def test_a_payload_with_gaps_is_refused(codec: Codec) -> None:
    with pytest.raises(EncodeError, match=r"AudioBuffer\.samples: takes a contiguous buffer"):
        codec.encode(audio_chunk(SAMPLES[::2]))
    with pytest.raises(TypeError, match="a contiguous buffer"):
        as_payload(SAMPLES[::2])


def test_a_frame_is_the_message_behind_its_length(codec: Codec) -> None:
    assert codec.encode_prefixed(Hello("echo")) == b"\0\0\0\0\x06\x0a\x04echo"
    assert codec.encode_prefixed(Hello()) == b"\0\0\0\0\0"


def test_a_frame_in_buffers_does_not_copy_a_large_payload(codec: Codec) -> None:
    payload = bytes(range(256)) * 256
    chunk = audio_chunk(payload)
    before, between, after = codec.encode_prefixed_buffers(
        DataChunk("echo", DataBuffer(audio=AudioBuffer(payload, 16_000)), sequence=1)
    )
    assert between is payload
    whole = codec.encode_prefixed(
        DataChunk("echo", DataBuffer(audio=AudioBuffer(payload, 16_000)), sequence=1)
    )
    assert b"".join([before, payload, after]) == whole
    assert codec.encode_prefixed_buffers(chunk)[1:] == [payload]
    assert codec.encode_prefixed_buffers(Hello("echo")) == [codec.encode_prefixed(Hello("echo"))]


def test_maps_are_written_in_the_order_of_their_dicts(codec: Codec) -> None:
    backwards = DataBuffer(metadata={"b": "", "a": ""})
    assert list(codec.decode(codec.encode(backwards), DataBuffer).metadata) == ["b", "a"]


@pytest.mark.parametrize(
    ("data", "where", "why"),
    [
        (b"\x12\x04\x12\x02\x0a\x05", "DataBuffer.audio, at byte 4", "the data ends within it"),
        (b"\x12\x03\x0a\x01\xff", "DataChunk.node_id, at byte 2", "text that is not UTF-8"),
        (b"\x12\x05\x1a\x03\x0a\x05a", "DataChunk.named_buffers.key, at byte 4", "ends within"),
        (b"\x12\x01\x20", "DataChunk.sequence, at byte 2", "the data ends within it"),
        (b"\x12\x02\x20\x80\x22\x00", "DataChunk.sequence, at byte 2", "ends within it"),
        (b"\x12\x0c\x20" + b"\xff" * 10 + b"\x01", "DataChunk.sequence, at byte 2", "10 bytes"),
        (b"\x22\x00\x0f\x00", "StreamRequest.init, at byte 2", "wire type 7"),
        (b"\x92", "StreamRequest, at byte 0", "the data ends within it"),
    ],
)
def test_a_decode_error_says_where_and_why(data: bytes, where: str, why: str, codec: Codec) -> None:
    with pytest.raises(DecodeError) as caught:
        codec.decode(data, StreamRequest)
    assert str(caught.value).startswith(f"{where}: ")
    assert why in str(caught.value)
    assert isinstance(caught.value, CallerError)
    assert isinstance(caught.value, ValueError)
    assert f"at byte {caught.value.offset}:" in where + ":"


def made(message_class: type[betterproto2.Message], **fields: Any) -> betterproto2.Message:
    """Return a message with fields that a type checker would refuse."""
    return message_class(**fields)


WRONG: list[tuple[betterproto2.Message, str]] = [
    (made(DataChunk, sequence=-1), "DataChunk.sequence: takes whole numbers from 0 to"),
    (made(DataChunk, sequence=2**64), "DataChunk.sequence: takes whole numbers from 0 to"),
    (made(DataChunk, sequence=1.0), "DataChunk.sequence: takes whole numbers, not 1.0"),
    (made(DataChunk, sequence=True), "DataChunk.sequence: takes whole numbers, not True"),
    (made(DataChunk, sequence=""), "DataChunk.sequence: takes whole numbers, not ''"),
    (made(AudioBuffer, channels=2**32), "AudioBuffer.channels: takes whole numbers from 0 to"),
    (made(TensorBuffer, shape=[1, -1]), "TensorBuffer.shape: takes whole numbers from 0 to"),
    (made(TensorBuffer, shape=3), "TensorBuffer.shape: takes a list, not int"),
    (made(NodeResult, status=2**31), "NodeResult.status: takes whole numbers from -"),
    (made(NodeManifest, is_streaming=1), "NodeManifest.is_streaming: takes True or False"),
    (made(InitProgressUpdate, progress="1"), "InitProgressUpdate.progress: takes numbers"),
    (made(Hello, session_id=b"a"), "Hello.session_id: takes text, not bytes"),
    (made(Hello, session_id="\ud800"), "Hello.session_id: takes text that UTF-8 can hold"),
    (made(TextBuffer, text_data="a"), "TextBuffer.text_data: takes bytes or a buffer, not str"),
    (made(DataBuffer, audio=VideoFrame()), "DataBuffer.audio: takes AudioBuffer, not VideoFrame"),
    (made(DataBuffer, metadata={"a": 1}), "DataBuffer.metadata: takes text, not int"),
    (made(DataBuffer, metadata=[]), "DataBuffer.metadata: takes a dict, not list"),
    (made(StreamInit, data_inputs={"a": None}), "StreamInit.data_inputs: takes DataBuffer"),
]


@pytest.mark.parametrize(("message", "told"), WRONG, ids=[told for _, told in WRONG])
def test_a_value_that_its_field_cannot_hold_is_refused(
    message: betterproto2.Message, told: str, codec: Codec
) -> None:
    with pytest.raises(EncodeError) as caught:
        codec.encode(message)
    assert str(caught.value).startswith(told)


def test_a_fault_deep_in_a_message_names_the_innermost(codec: Codec) -> None:
    buffer = DataBuffer(text=TextBuffer(language="\ud800"))
    response = StreamResponse(result=ChunkResult(data_outputs={"node": buffer}))
    with pytest.raises(EncodeError, match=r"^TextBuffer\.language: "):
        codec.encode(response)


def test_numbers_of_numpy_are_taken(codec: Codec) -> None:
    chunk = made(DataChunk, sequence=np.uint64(7))
    assert codec.encode(chunk) == bytes(DataChunk(sequence=7))
    metrics = made(StreamMetrics, cache_hit_rate=np.float32(0.5))
    assert codec.encode(metrics) == bytes(StreamMetrics(cache_hit_rate=0.5))


def test_a_float_too_large_for_32_bits_is_infinite(codec: Codec, official: Any) -> None:
    written = official("InitProgressUpdate")(progress=-1e40).SerializeToString()
    assert codec.encode(InitProgressUpdate(progress=-1e40)) == written


def test_a_message_of_another_type_than_the_call_takes_is_refused(codec: Codec) -> None:
    with pytest.raises(TypeError, match="messages of StreamResponse, not Hello"):
        codec.encode(Hello(), StreamResponse)


def test_a_class_that_is_not_betterproto2s_is_refused(codec: Codec) -> None:
    with pytest.raises(TypeError, match="int is no message class of betterproto2"):
        codec.decode(b"", int)  # type: ignore[type-var]


class Echo(StreamingPipelineServiceBase):
    """Answers every chunk of audio with a result that holds it."""

    async def stream_pipeline(
        self, messages: AsyncIterator[StreamRequest]
    ) -> AsyncIterator[StreamResponse]:
        async for request in messages:
            assert request.audio_chunk is not None
            buffer = DataBuffer(audio=request.audio_chunk.buffer)
            yield StreamResponse(result=ChunkResult(data_outputs={"echo": buffer}))


def test_grpclib_takes_it_for_servers_and_clients() -> None:
    audio = AudioBuffer(samples=SAMPLES.tobytes(), format=AudioFormat.F32, num_samples=160)

    async def call() -> list[StreamResponse]:
        codec: Any = Codec(StreamRequest, StreamResponse)  # has what grpclib asks of its CodecBase
        async with ChannelFor([Echo()], codec=codec) as channel:
            stub = StreamingPipelineServiceStub(channel)
            request = StreamRequest(audio_chunk=AudioChunk(buffer=audio))
            return [response async for response in stub.stream_pipeline([request])]

    (response,) = asyncio.run(call())
    assert response.result == ChunkResult(data_outputs={"echo": DataBuffer(audio=audio)})
