"""From a request's bytes to its item, and from a result to a response's bytes: three ways.

The codec with message objects, protobuf's classes in C (upb), and what a stream does once it knows
the form of its chunks.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from actors import Audio
from runtime.events import Result
from runtime.wire import StreamRequest, StreamResponse
from runtime.wire.codec import Codec
from runtime.wire.conversion import (
    Chunk,
    KnownChunks,
    ResultEncoder,
    buffer_of,
    chunk_data_of,
    result_message,
)

from .codec import SIZES, measure, messages, official_classes
from .report import print_table

_DTYPES: Final[dict[int, np.dtype[Any]]] = {
    1: np.dtype("<f4"),
    2: np.dtype("<i2"),
    3: np.dtype("<i4"),
}
_FORMATS: Final = {dtype: number for number, dtype in _DTYPES.items()}


def readers(body: bytes) -> dict[str, Callable[[], Chunk | None]]:
    """Return what reads a request with each codec."""
    codec, official = Codec(StreamRequest), official_classes()["request"]

    def read_with_codec() -> Chunk:
        message = codec.decode(body, StreamRequest).data_chunk
        assert message is not None
        data = chunk_data_of(message)
        return Chunk(message.node_id, data, message.sequence, message.timestamp_ms)

    def read_with_protobuf() -> Chunk:
        chunk = official.FromString(body).data_chunk
        audio = chunk.buffer.audio
        samples = np.frombuffer(audio.samples, _DTYPES[audio.format]).reshape(-1, audio.channels)
        metadata = dict(chunk.buffer.metadata)
        data = Audio(samples, audio.sample_rate, metadata=metadata)
        return Chunk(chunk.node_id, data, chunk.sequence, chunk.timestamp_ms)

    known = KnownChunks()
    known.learn(body, read_with_codec())
    ways: dict[str, Callable[[], Chunk | None]] = {
        "codec": read_with_codec,
        "protobuf": read_with_protobuf,
        "known form": lambda: known.read(body),
    }
    assert ways["known form"]() == read_with_codec() == read_with_protobuf()
    return ways


def writers(result: Result) -> dict[str, Callable[[], Any]]:
    """Return what writes a response with each codec."""
    codec, official = Codec(StreamResponse), official_classes()["response"]
    encoder, data = ResultEncoder(), result.data
    assert isinstance(data, Audio)

    def write_with_codec() -> list[Any]:
        message = result_message(result, buffer_of(data), 301)
        return codec.encode_prefixed_buffers(StreamResponse(result=message))

    def write_with_protobuf() -> bytes:
        response = official()
        message = response.result
        message.sequence = result.sequence
        message.processing_time_ms = 1000 * result.latency_seconds
        message.total_items_processed = 301
        audio = message.data_outputs[result.node_id].audio
        audio.samples = data.samples.tobytes()
        audio.sample_rate, audio.channels = data.sample_rate, data.channels
        audio.format, audio.num_samples = _FORMATS[data.samples.dtype], data.samples.size
        encoded: bytes = response.SerializeToString()
        return encoded

    known = encoder.encode(result, 301)
    assert known is not None
    joined = b"".join(known)
    assert joined == b"".join(write_with_codec())
    assert joined[5:] == write_with_protobuf()
    return {
        "codec": write_with_codec,
        "protobuf": write_with_protobuf,
        "known form": lambda: encoder.encode(result, 301),
    }


def main() -> None:
    """Measure, and print a table."""
    rows = []
    for label, size in SIZES.items():
        body = bytes(messages(size)["request"])
        ways = readers(body)
        chunk = ways["codec"]()
        assert chunk is not None
        result = Result("echo", chunk.data, chunk.sequence, 0, 0.001)
        for what, each in (("request to item", ways), ("result to response", writers(result))):
            times = measure(dict(each))
            rows.append((what, label, *(f"{times[name]:.1f}" for name in each)))
    columns = ("", "size", "codec", "protobuf (C)", "known form")
    print_table("Items of one stream of audio, microseconds", columns, rows)


if __name__ == "__main__":
    main()
