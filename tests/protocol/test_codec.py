"""The codec as an application uses it."""

import numpy as np

from runtime.protocol import AudioBuffer, DataBuffer, DataChunk, TextBuffer
from runtime.protocol.codec import Codec


def test_a_payload_is_a_view_of_what_was_received() -> None:
    samples = np.arange(160, dtype=np.float32)
    sent = DataChunk(buffer=DataBuffer(audio=AudioBuffer(samples=samples.tobytes())))
    data = Codec().encode(sent)
    received = Codec().decode(data, DataChunk)
    assert received == sent
    view = received.buffer.audio.samples
    assert isinstance(view, memoryview)
    assert view.readonly
    assert view.obj is data
    np.testing.assert_array_equal(np.frombuffer(view, np.float32), samples)


def test_text_is_bytes() -> None:
    text = Codec().decode(b"\x0a\x02hi", TextBuffer).text_data
    assert type(text) is bytes


def test_a_frame_is_the_message_behind_its_length() -> None:
    chunk = DataChunk(node_id="echo")
    assert Codec().encode_frame(chunk) == b"\0\0\0\0\x06\x0a\x04echo"
