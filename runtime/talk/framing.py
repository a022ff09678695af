"""The messages of a conversation's WebSocket: audio is binary, everything else JSON.

A binary message is a header of 16 bytes, little-endian, and then the samples, interleaved:

    0   u8   1 (audio)
    1   u8   format of the samples: 1 float32, 2 int16, as AudioFormat of the contract
    2   u8   channels
    3   u8   0
    4   u32  sample rate in Hz
    8   u32  sequence of the chunk; of a result that of the chunk that it came from
    12  u32  timestamp in milliseconds of the speaker's stream; of a result that of its chunk
"""

import struct
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np

from actors import Array, Audio

from ..errors import InputError

_HEADER: Final = struct.Struct("<BBBBIII")
_AUDIO: Final = 1
_DTYPES: Final[dict[int, np.dtype[Any]]] = {1: np.dtype("<f4"), 2: np.dtype("<i2")}
_INT16: Final = 2
_LEAST_RATE_HZ: Final = 8000
_GREATEST_RATE_HZ: Final = 192_000
_MOST_CHANNELS: Final = 8
_LONGEST_SECONDS: Final = 1.0
_U32: Final = 0xFFFFFFFF
# Of one message. A barge-in lets no more be sent of what it cancels than the one under way.
_PIECE_SECONDS: Final = 0.1


class Chunk(msgspec.Struct, frozen=True, eq=False):
    """Audio of a person, with the timestamp of its first sample in milliseconds."""

    audio: Audio
    timestamp_ms: int


def read_chunk(message: bytes) -> Chunk:
    """Return the audio of a binary message.

    Raises:
        InputError: it is not valid.
    """
    if len(message) < _HEADER.size:
        raise InputError(f"a binary message has a header of {_HEADER.size} bytes")
    kind, form, channels, _, rate, _, timestamp_ms = _HEADER.unpack_from(message)
    dtype = _DTYPES.get(form)
    if kind != _AUDIO or dtype is None:
        raise InputError("a binary message is audio (1), as float32 (1) or int16 (2)")
    if not (1 <= channels <= _MOST_CHANNELS and _LEAST_RATE_HZ <= rate <= _GREATEST_RATE_HZ):
        raise InputError(
            f"audio has 1 to {_MOST_CHANNELS} channels at {_LEAST_RATE_HZ} to {_GREATEST_RATE_HZ} "
            f"Hz; got {channels} at {rate} Hz"
        )
    frames, rest = divmod(len(message) - _HEADER.size, channels * dtype.itemsize)
    if rest or not 0 < frames <= rate * _LONGEST_SECONDS:
        raise InputError(f"a message has whole frames, and at most {_LONGEST_SECONDS:g} s of them")
    samples: Array = np.frombuffer(message, dtype, offset=_HEADER.size)
    # A big-endian machine has another order of bytes.
    native = samples.astype(dtype.newbyteorder("="), copy=False)
    return Chunk(Audio(native.reshape(frames, channels), rate), timestamp_ms)


def audio_messages(
    audio: Audio, *, sequence: int, timestamp_ms: int
) -> Iterator[tuple[bytes, float]]:
    """Yield an audio result as binary messages of int16, each with its seconds, at most 0.1."""
    header = _HEADER.pack(
        _AUDIO,
        _INT16,
        min(audio.channels, 255),
        0,
        audio.sample_rate & _U32,
        sequence & _U32,
        timestamp_ms & _U32,
    )
    for piece in audio_pieces(audio):
        yield header + piece.astype("<i2").tobytes(), len(piece) / audio.sample_rate


def audio_pieces(audio: Audio) -> Iterator[Array]:
    """Yield an audio result as int16, shape (frames, channels), at most 0.1 s and 255 channels."""
    step = max(1, int(audio.sample_rate * _PIECE_SECONDS))
    for start in range(0, audio.frames, step):
        yield _as_int16(audio.samples[start : start + step, :255])


def _as_int16(samples: Array) -> Array:
    if samples.dtype == np.int16:
        return samples
    if samples.dtype == np.int32:
        return (samples >> 16).astype(np.int16)
    finite = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
    return (finite.clip(-1.0, 1.0) * 32767).astype(np.int16)


def text_message(kind: str, **members: Any) -> str:
    """Return a JSON message: `type`, and members."""
    try:
        return msgspec.json.encode({"type": kind, **members}).decode()
    except UnicodeEncodeError:  # a lone surrogate
        plain = {
            name: value.encode(errors="replace").decode() if isinstance(value, str) else value
            for name, value in members.items()
        }
        return msgspec.json.encode({"type": kind, **plain}).decode()


class Request(msgspec.Struct):
    """A JSON message of a client.

    Attributes:
        sdp: the session description of an offer.
    """

    type: str
    sdp: str = ""


def read_request(text: str) -> Request:
    """Return a client's JSON message.

    Raises:
        InputError: it is not valid.
    """
    try:
        return msgspec.json.decode(text, type=Request)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        raise InputError('a text message is JSON such as {"type": "interrupt"}') from error
