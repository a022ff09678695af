"""Requests whose form is known: read as the codec reads them, or left to it."""

import random
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import Audio, Json
from runtime.errors import MillraceError
from runtime.wire import (
    AudioBuffer,
    AudioFormat,
    DataBuffer,
    DataChunk,
    StreamRequest,
)
from runtime.wire.codec import Codec
from runtime.wire.conversion import Chunk, KnownChunks, chunk_data_of
from tests.wire.mutations import mutated

CODEC = Codec(StreamRequest)
NUMBERS = st.one_of(st.integers(0, 300), st.integers(0, 2**64 - 1))


@st.composite
def bodies(draw: st.DrawFn, node_id: str = "") -> bytes:
    """Make a request with a chunk of audio."""
    size = draw(st.sampled_from([1, 2, 80, 160]))
    channels = draw(st.sampled_from([0, 1, 2]))
    audio = AudioBuffer(
        samples=draw(st.randoms(use_true_random=False)).randbytes(4 * size * (channels or 1)),
        sample_rate=draw(st.sampled_from([8000, 16_000, 48_000])),
        channels=channels,
        format=AudioFormat(draw(st.sampled_from([0, 1, 2, 3]))),
        metadata_json=draw(st.sampled_from([None, None, b"{}"])),
    )
    metadata = draw(st.sampled_from([{}, {}, {"who": "me"}]))
    chunk = DataChunk(
        node_id=node_id or draw(st.sampled_from(["a", "b", "n" * 200])),
        sequence=draw(NUMBERS),
        timestamp_ms=draw(NUMBERS),
        buffer=DataBuffer(audio=audio, metadata=metadata),
    )
    return CODEC.encode(StreamRequest(data_chunk=chunk))


def by_codec(body: bytes) -> Chunk | None:
    """Return what the codec and the conversion make of a request; None if they refuse it."""
    try:
        message = CODEC.decode(body, StreamRequest).data_chunk
        if message is None:
            return None
        data = chunk_data_of(message)
    except MillraceError:
        return None
    return Chunk(message.node_id, data, message.sequence, message.timestamp_ms)


def learnt(known: KnownChunks, body: bytes) -> None:
    chunk = by_codec(body)
    if chunk is not None:
        known.learn(body, chunk)


@given(st.lists(bodies(), min_size=2, max_size=12))
def test_chunks_of_known_forms_are_what_the_codec_makes_of_them(requests: list[bytes]) -> None:
    known = KnownChunks()
    for body in requests:
        chunk = known.read(body)
        assert chunk is None or chunk == by_codec(body)
        learnt(known, body)
        again = known.read(body)
        assert again is None or again == by_codec(body)


@given(bodies(node_id="a"), bodies(node_id="a"), st.integers(0, 2**32))
def test_damaged_chunks_are_what_the_codec_makes_of_them(
    body: bytes, other: bytes, seed: int
) -> None:
    chance = random.Random(seed)
    known = KnownChunks()
    learnt(known, body)
    for _ in range(30):
        damaged = mutated(body, other, chance)
        chunk = known.read(damaged)
        assert chunk is None or chunk == by_codec(damaged)
        learnt(known, damaged)  # a strange form that the codec takes may be known from then on
        repeated = known.read(damaged)
        assert repeated is None or repeated == by_codec(damaged)


def audio_request(samples: bytes, sequence: int = 1) -> bytes:
    audio = AudioBuffer(samples=samples, sample_rate=16_000, channels=1, format=AudioFormat.F32)
    chunk = DataChunk(node_id="a", sequence=sequence, buffer=DataBuffer(audio=audio))
    return CODEC.encode(StreamRequest(data_chunk=chunk))


def test_the_next_chunk_of_a_stream_is_known_and_views_its_bytes() -> None:
    known = KnownChunks()
    learnt(known, audio_request(bytes(640)))
    samples = np.arange(160, dtype="<f4")
    body = audio_request(samples.tobytes(), sequence=77)
    chunk = known.read(body)
    assert chunk == Chunk("a", Audio(samples, 16_000), 77, 0)
    assert isinstance(chunk.data, Audio)
    assert not chunk.data.samples.flags.writeable
    assert np.shares_memory(chunk.data.samples, np.frombuffer(body, np.uint8))


def nested(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes([tag, len(body)]) + body


NODE = nested(0x0A, b"a")
RATE = b"\x10\xc0\x3e"
SEQUENCE = b"\x20\x05"


@pytest.mark.parametrize(
    "make",
    [
        # A second payload wins over the first, and must not be taken for a constant.
        lambda samples: nested(
            0x12,
            NODE,
            nested(0x12, nested(0x0A, nested(0x0A, samples), nested(0x0A, samples), RATE)),
        ),
        lambda samples: nested(
            0x12, NODE, NODE, nested(0x12, nested(0x0A, nested(0x0A, samples), RATE))
        ),
        lambda samples: nested(
            0x12, NODE, nested(0x12, nested(0x0A, nested(0x0A, samples), RATE)), NODE
        ),
        lambda samples: nested(
            0x12,
            NODE,
            nested(0x12, nested(0x0A, nested(0x0A, samples), RATE)),
            SEQUENCE,
            b"\xd2\x0f\x03new",
        ),
        lambda samples: nested(
            0x12,
            NODE,
            nested(0x12, nested(0x0A, nested(0x0A, samples), RATE), nested(0x5A, b"x")),
        ),
    ],
    ids=["two payloads", "two ids", "an id at the end", "an unknown field", "more in the buffer"],
)
def test_a_strange_form_is_left_to_the_codec(make: object) -> None:
    assert callable(make)
    known = KnownChunks()
    body = make(struct.pack("<2f", 1, 2))
    learnt(known, body)
    other = make(struct.pack("<2f", 3, 4))
    chunk = known.read(other)
    assert chunk is None or chunk == by_codec(other)


def test_only_so_many_forms_are_kept_and_none_that_is_long() -> None:
    known = KnownChunks()
    for size in range(1, 500):
        learnt(known, audio_request(bytes(4 * size)))
    assert len(known) <= 64
    known = KnownChunks()
    audio = AudioBuffer(samples=bytes(8), sample_rate=16_000, channels=1)
    chunk = DataChunk(node_id="n" * 10_000, buffer=DataBuffer(audio=audio))
    learnt(known, CODEC.encode(StreamRequest(data_chunk=chunk)))
    assert len(known) == 0


def test_other_items_are_not_kept() -> None:
    known = KnownChunks()
    known.learn(b"anything", Chunk("a", Json(1), 0, 0))
    assert len(known) == 0
