"""Chunks of audio that differ from earlier ones in their samples and numbers only."""

from typing import Any, Final, NamedTuple

import numpy as np

from actors import Audio, Data

from ..codec import MalformedError, read_varint

_DATA_CHUNK: Final = 0x12
_NODE_ID: Final = 0x0A
_BUFFER: Final = 0x12
_AUDIO: Final = 0x0A
_SAMPLES: Final = 0x0A
_SEQUENCE: Final = 0x20
_TIMESTAMP: Final = 0x28
_AUDIO_NUMBERS: Final = frozenset({0x10, 0x18, 0x20, 0x28})
"""The tags of sample_rate, channels, format and num_samples."""

# A stream has one form or two, and another for each length of its numbers.
_MOST_FORMS: Final = 64
# Of a form without the samples, so that a client cannot make it fill memory.
_MOST_BYTES: Final = 512

_OTHER_FORM: Final = (MalformedError, IndexError)


class Chunk(NamedTuple):
    """What a request brings: an item, and where and when it enters."""

    node_id: str
    data: Data
    sequence: int
    timestamp_ms: int


class _Form(NamedTuple):
    """What all requests of a form have in common: all but the samples, and what follows `tail`."""

    head: bytes
    samples: int
    stop: int
    tail: bytes
    dtype: "np.dtype[Any]"
    size: int
    channels: int
    sample_rate: int
    node_id: str


class KnownChunks:
    """Reads the requests of one stream that have the form of an earlier one.

    A request with 20 ms of audio takes 5 us instead of 10, and after a sleep 12 instead of 23
    (27 November 2026). The form is known from a request that the codec has read, so this accepts
    nothing that the codec would not, and reads it to the same item.
    """

    def __init__(self) -> None:
        self._forms: dict[int, _Form] = {}

    def __len__(self) -> int:
        """Return how many forms are known."""
        return len(self._forms)

    def read(self, body: bytes | memoryview) -> Chunk | None:
        """Return the chunk of a request whose form is known, its samples a view of `body`."""
        form = self._forms.get(len(body))
        if form is None or not isinstance(body, bytes):
            return None
        head, samples, stop, tail, dtype, size, channels, sample_rate, node_id = form
        if not (body.startswith(head) and body.startswith(tail, stop)):
            return None
        try:
            sequence, timestamp_ms = _read_numbers(body, stop + len(tail))
        except _OTHER_FORM:
            return None  # for the codec, which knows why
        array = np.frombuffer(body, dtype, size, samples).reshape(-1, channels)
        return Chunk(node_id, Audio(array, sample_rate), sequence, timestamp_ms)

    def learn(self, body: bytes | memoryview, chunk: Chunk) -> None:
        """Keep the form of a request, which the codec has read, if it is one of plain audio."""
        data = chunk.data
        if not (isinstance(body, bytes) and isinstance(data, Audio)):
            return
        if data.metadata or data.metadata_json is not None or not data.samples.size:
            return
        try:
            samples, stop, end = _samples_of(body)
        except _OTHER_FORM:
            return
        if samples + end - stop > _MOST_BYTES:
            return
        if len(self._forms) >= _MOST_FORMS:
            self._forms.clear()
        self._forms[len(body)] = _Form(
            body[:samples],
            samples,
            stop,
            body[stop:end],
            data.samples.dtype,
            data.samples.size,
            data.channels,
            data.sample_rate,
            chunk.node_id,
        )


def _samples_of(body: bytes) -> tuple[int, int, int]:
    """Return where the samples of a plain request begin and stop, and where its buffer ends.

    Raises:
        MalformedError: it has other fields, or others than a sender usually writes in this order.
        IndexError: it ends too early.
    """
    position, end = _read_field(body, 0, _DATA_CHUNK)
    _check(end == len(body))
    _, position = _read_field(body, position, _NODE_ID)
    position, end = _read_field(body, position, _BUFFER)
    position, stop = _read_field(body, position, _AUDIO)
    _check(stop == end)
    samples, stop = _read_field(body, position, _SAMPLES)
    position = stop
    while position < end:
        _check(body[position] in _AUDIO_NUMBERS)
        _, position = read_varint(body, position + 1)
    _check(position == end)
    _read_numbers(body, end)
    return samples, stop, end


def _read_field(body: bytes, position: int, tag: int) -> tuple[int, int]:
    """Return where the value of the field at `position` begins and stops."""
    _check(body[position] == tag)
    length, begin = read_varint(body, position + 1)
    _check(begin + length <= len(body))
    return begin, begin + length


def _read_numbers(body: bytes, position: int) -> tuple[int, int]:
    """Return the sequence and the timestamp that follow the buffer, up to the end."""
    sequence = timestamp_ms = 0
    end = len(body)
    while position < end:
        tag, number = body[position], body[position + 1]
        if number < 0x80:
            position += 2
        else:
            number, position = read_varint(body, position + 1)
        if tag == _SEQUENCE:
            sequence = number
        elif tag == _TIMESTAMP:
            timestamp_ms = number
        else:
            raise MalformedError("another field")
    return sequence, timestamp_ms


def _check(condition: bool) -> None:
    if not condition:
        raise MalformedError("another form")
