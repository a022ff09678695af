"""Results that are encoded without messages."""

import numpy as np
import pytest

from actors import Audio, Data, Json
from runtime.events import Result
from runtime.wire import StreamResponse
from runtime.wire.codec import Buffer, Codec
from runtime.wire.conversion import ResultEncoder, buffer_of, result_message
from tests.wire.test_encoded_chunks import ITEMS

CODEC = Codec(StreamResponse)


def by_codec(result: Result, total_items: int) -> list[Buffer]:
    message = result_message(result, buffer_of(result.data), total_items)
    return CODEC.encode_prefixed_buffers(StreamResponse(result=message))


@pytest.mark.parametrize("data", ITEMS, ids=lambda data: f"{data.kind.value}")
def test_an_encoded_result_is_what_the_codec_makes_of_its_message(data: Data) -> None:
    encoder = ResultEncoder()
    for node_id in ("n", "vad", "ü" * 100):
        for number in (0, 1, 127, 128, 2**63, 2**64 - 1):
            for seconds in (0.0, 1e-9, 12.5):
                result = Result(node_id, data, number, 5, seconds)
                encoded = encoder.encode(result, number)
                if encoded is not None:
                    assert b"".join(encoded) == b"".join(by_codec(result, number))


def test_plain_audio_and_json_need_no_message() -> None:
    for data in (Audio(np.zeros(160, np.float32), 16_000), Json({"speech": True})):
        assert ResultEncoder().encode(Result("vad", data, 1, 0, 0.1), 1) is not None


def test_a_large_payload_is_not_copied() -> None:
    samples = np.arange(16_000, dtype=np.float32)
    samples.flags.writeable = False
    encoded = ResultEncoder().encode(Result("a", Audio(samples, 16_000), 1, 0, 0.1), 1)
    assert encoded is not None
    assert np.shares_memory(np.frombuffer(encoded[1], np.uint8), samples)


def test_a_stream_whose_form_changes_with_every_result_is_encoded_right() -> None:
    encoder = ResultEncoder()
    for frames in [*range(1, 200), *range(1, 200)]:
        data = Audio(np.full(frames, frames, np.int16), 8000 + frames % 3)
        result = Result(f"node{frames % 2}", data, frames, 0, 0.5)
        encoded = encoder.encode(result, frames)
        assert encoded is not None
        assert b"".join(encoded) == b"".join(by_codec(result, frames))
