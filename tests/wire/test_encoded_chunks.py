"""Items that are encoded for recordings, without messages."""

import numpy as np
import pytest

from actors import (
    Audio,
    Binary,
    Bundle,
    Control,
    Data,
    File,
    Json,
    NumpyArray,
    PixelFormat,
    Tensor,
    Text,
    Video,
)
from runtime.wire.codec import Codec, EncodeError
from runtime.wire.conversion import ChunkEncoder, chunk_message

ITEMS: list[Data] = [
    *(
        Audio(np.zeros((frames, channels), dtype), rate)
        for dtype in (np.float32, np.int16, np.int32)
        for frames, channels, rate in [(0, 1, 1), (1, 2, 48_000), (480, 1, 16_000), (9000, 2, 8000)]
    ),
    Audio(np.asfortranarray(np.ones((3, 2), np.float32)), 16_000),
    Audio(np.zeros(8, np.float32)[::2], 16_000),
    Audio(np.zeros(8, np.float32), 16_000, b""),
    Audio(np.zeros(8, np.float32), 16_000, metadata={"who": "me"}),
    Json(None),
    Json({"value": 1.5, "text": "ä" * 200}),
    Json([], schema_type="list"),
    Json(1, metadata={"who": "me"}),
    Text("hello"),
    Binary(np.zeros(5, np.uint8)),
    Tensor(np.zeros((2, 3), np.float32)),
    NumpyArray(np.eye(2)),
    Video(np.zeros(12, np.uint8), 2, 2, PixelFormat.RGB24),
    File("a.txt"),
    Control(None),
    Bundle({"a": Text("x"), "b": Json(1)}),
]


@pytest.mark.parametrize("data", ITEMS, ids=lambda data: f"{data.kind.value}")
def test_an_encoded_item_is_what_the_codec_makes_of_its_message(data: Data) -> None:
    codec, encoder = Codec(), ChunkEncoder()
    for node_id in ("", "vad", "ü" * 100):
        for number in (0, 1, 127, 128, 2**63, 2**64 - 1):
            for timestamp_ms in (0, 1_700_000_000_000):
                expected = codec.encode(chunk_message(data, node_id, number, timestamp_ms))
                assert encoder.encode(data, node_id, number, timestamp_ms) == expected


def test_a_stream_whose_form_changes_with_every_chunk_is_encoded_right() -> None:
    codec, encoder = Codec(), ChunkEncoder()
    for frames in [*range(1, 200), *range(1, 200)]:
        data = Audio(np.full(frames, frames, np.int16), 8000 + frames % 3)
        assert encoder.encode(data, "a", 1, 2) == codec.encode(chunk_message(data, "a", 1, 2))


def test_a_number_that_no_chunk_can_have_is_refused() -> None:
    for data in (Json(1), Audio(np.zeros(1, np.float32), 1)):
        with pytest.raises(EncodeError):
            ChunkEncoder().encode(data, "a", 2**64, 0)
        with pytest.raises(EncodeError):
            ChunkEncoder().encode(data, "a", 0, -1)
