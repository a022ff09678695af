"""How an item lies in shared memory: a fixed header, the payload, then what few items have.

    0     header, 64 bytes, little-endian (see `_HEADER`)
    64    payload: samples, pixels, array elements, bytes, UTF-8 text
    ...   attributes, msgpack, only if there are any: metadata first, then what the kind needs

Everything on the audio path is in the header, so a plain chunk costs one `pack_into` and one copy.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgspec
import numpy as np

from actors import (
    Array,
    Audio,
    BatchHint,
    Binary,
    CancelSpeculation,
    Control,
    Data,
    DataError,
    DeadlineWarning,
    File,
    Json,
    Kind,
    NumpyArray,
    PixelFormat,
    Tensor,
    Text,
    Video,
    VideoCodec,
)

HEADER_BYTES: Final = 64

# kind, subtype, flags, padding; then sequence, timestamp_ms, entered_ns, payload bytes;
# attributes bytes, and two numbers of the kind's own.
_HEADER: Final = struct.Struct("<BBBxIQQQQII")
_FORTRAN: Final = 1

_KIND_CODES: Final = {kind: code for code, kind in enumerate(Kind, start=1)}
_KINDS: Final = {code: kind for kind, code in _KIND_CODES.items()}
_AUDIO_DTYPES: Final = tuple(np.dtype(scalar) for scalar in (np.float32, np.int16, np.int32))

D = TypeVar("D", bound=Data)
Attributes = list[Any]


@dataclass(slots=True)
class Packed:
    """An item taken apart, ready to be written.

    Attributes:
        payload: an array of any strides, or bytes.
        attributes: what goes behind the payload; None where there is nothing.
    """

    kind: Kind
    payload: Array | bytes
    payload_bytes: int
    subtype: int = 0
    first: int = 0
    second: int = 0
    fortran: bool = False
    attributes: bytes = b""

    @property
    def total_bytes(self) -> int:
        """The room it takes, header included."""
        return HEADER_BYTES + self.payload_bytes + len(self.attributes)


@dataclass(slots=True)
class Unpacked:
    """A header read back."""

    kind: Kind
    payload: Array
    subtype: int
    first: int
    second: int
    fortran: bool
    metadata: dict[str, str] = field(default_factory=dict)
    rest: Attributes = field(default_factory=list)


def pack(data: Data) -> Packed:
    """Take an item apart; nothing is copied yet, but text is encoded."""
    return _PACKERS[data.kind](data)


def write(
    memory: memoryview,
    packed: Packed,
    *,
    sequence: int,
    timestamp_ms: int,
    entered_ns: int,
    has_payload: bool = False,
) -> None:
    """Write an item into `memory`, which has at least `packed.total_bytes`: the one copy.

    Args:
        memory: where to.
        packed: the item.
        sequence: of the chunk that it came from.
        timestamp_ms: the client's, of that chunk.
        entered_ns: when that chunk entered the session.
        has_payload: leave the payload out, since it is there already.
    """
    _HEADER.pack_into(
        memory,
        0,
        _KIND_CODES[packed.kind],
        packed.subtype,
        _FORTRAN if packed.fortran else 0,
        len(packed.attributes),
        sequence,
        timestamp_ms,
        entered_ns,
        packed.payload_bytes,
        packed.first,
        packed.second,
    )
    end = HEADER_BYTES + packed.payload_bytes
    payload = packed.payload
    if has_payload:
        pass
    elif isinstance(payload, bytes):
        memory[HEADER_BYTES:end] = payload
    elif packed.payload_bytes:
        target = np.ndarray(
            payload.shape,
            payload.dtype,
            memory,
            HEADER_BYTES,
            order="F" if packed.fortran else "C",
        )
        np.copyto(target, payload)
    if packed.attributes:
        memory[end : end + len(packed.attributes)] = packed.attributes


def payload_bytes_of(memory: Array) -> int:
    """Return the length of the payload in `memory`, which begins with a header."""
    return int(_HEADER.unpack_from(memory.data)[7])


def read(memory: Array) -> tuple[Data, int, int, int]:
    """Return the item in `memory`, its arrays views of it; its sequence, timestamp_ms, entered_ns.

    Args:
        memory: read-only uint8, shape (bytes,), beginning with a header; may be longer.

    Raises:
        DataError: this is no item.
    """
    try:
        (
            code,
            subtype,
            flags,
            attribute_bytes,
            sequence,
            timestamp_ms,
            entered_ns,
            size,
            one,
            two,
        ) = _HEADER.unpack_from(memory.data)
        end = HEADER_BYTES + size
        if end + attribute_bytes > memory.size:
            raise DataError(f"an item of {end + attribute_bytes} bytes in {memory.size}")
        unpacked = Unpacked(
            _KINDS[code], memory[HEADER_BYTES:end], subtype, one, two, bool(flags & _FORTRAN)
        )
        if attribute_bytes:
            attributes = msgspec.msgpack.decode(memory[end : end + attribute_bytes].tobytes())
            unpacked.metadata, *unpacked.rest = attributes
        return _UNPACKERS[unpacked.kind](unpacked), sequence, timestamp_ms, entered_ns
    except (
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        struct.error,
        msgspec.MsgspecError,
    ) as error:
        raise DataError(f"what came over the link is no item: {error}") from error


def _attributes(data: Data, *rest: object) -> bytes:
    if not data.metadata and not any(rest):
        return b""
    return msgspec.msgpack.encode([dict(data.metadata), *rest])


def _is_fortran(array: Array) -> bool:
    return array.flags.f_contiguous and not array.flags.c_contiguous


def _pack_audio(data: Audio) -> Packed:
    samples = data.samples
    attributes = b""
    if data.metadata or data.metadata_json is not None:
        attributes = msgspec.msgpack.encode([dict(data.metadata), data.metadata_json])
    return Packed(
        Kind.AUDIO,
        samples,
        samples.nbytes,
        _AUDIO_DTYPES.index(samples.dtype),
        data.sample_rate,
        data.channels,
        attributes=attributes,
    )


def _unpack_audio(item: Unpacked) -> Audio:
    samples = item.payload.view(_AUDIO_DTYPES[item.subtype]).reshape(-1, item.second)
    (metadata_json,) = item.rest or (None,)
    return Audio(samples, item.first, metadata_json, metadata=item.metadata)


def _pack_video(data: Video) -> Packed:
    return Packed(
        Kind.VIDEO,
        data.pixels,
        data.pixels.nbytes,
        data.format,
        data.width,
        data.height,
        attributes=_attributes(
            data, data.frame_number, data.timestamp_us, int(data.codec), data.is_keyframe
        ),
    )


def _unpack_video(item: Unpacked) -> Video:
    number, timestamp_us, codec, is_keyframe = item.rest or (0, 0, 0, False)
    return Video(
        item.payload,
        item.first,
        item.second,
        PixelFormat(item.subtype),
        number,
        timestamp_us,
        VideoCodec(codec),
        is_keyframe,
        metadata=item.metadata,
    )


def _pack_array(data: Tensor | NumpyArray, layout: str) -> Packed:
    array = data.array
    return Packed(
        data.kind,
        array,
        array.nbytes,
        fortran=_is_fortran(array),
        attributes=msgspec.msgpack.encode(
            [dict(data.metadata), array.dtype.str, array.shape, layout]
        ),
    )


def _unpacked_array(item: Unpacked) -> tuple[Array, str]:
    dtype_name, shape, layout = item.rest
    dtype = np.dtype(dtype_name)
    if dtype.hasobject:
        raise DataError("an array of Python objects")
    array: Array = np.ndarray(tuple(shape), dtype, item.payload, order="F" if item.fortran else "C")
    return array, layout


def _unpack_tensor(item: Unpacked) -> Tensor:
    array, layout = _unpacked_array(item)
    return Tensor(array, layout, metadata=item.metadata)


def _unpack_numpy(item: Unpacked) -> NumpyArray:
    return NumpyArray(_unpacked_array(item)[0], metadata=item.metadata)


def _pack_binary(data: Binary) -> Packed:
    return Packed(
        Kind.BINARY, data.data, data.data.nbytes, attributes=_attributes(data, data.mime_type)
    )


def _unpack_binary(item: Unpacked) -> Binary:
    (mime_type,) = item.rest or ("",)
    return Binary(item.payload, mime_type, metadata=item.metadata)


def _pack_text(data: Text) -> Packed:
    encoded = data.text.encode()
    attributes = _attributes(data, data.language, data.channel, data.encoding)
    return Packed(Kind.TEXT, encoded, len(encoded), attributes=attributes)


def _unpack_text(item: Unpacked) -> Text:
    language, channel, encoding = item.rest or ("", "", "")
    text = item.payload.tobytes().decode()
    return Text(text, language, channel, encoding, metadata=item.metadata)


def _pack_json(data: Json) -> Packed:
    encoded = data.text.encode()
    return Packed(Kind.JSON, encoded, len(encoded), attributes=_attributes(data, data.schema_type))


def _unpack_json(item: Unpacked) -> Json:
    (schema_type,) = item.rest or ("",)
    return Json.from_text(item.payload.tobytes().decode(), schema_type, metadata=item.metadata)


def _pack_file(data: File) -> Packed:
    parts = (
        data.path,
        data.filename,
        data.mime_type,
        data.size,
        data.offset,
        data.length,
        data.stream_id,
    )
    return Packed(
        Kind.FILE, b"", 0, attributes=msgspec.msgpack.encode([dict(data.metadata), *parts])
    )


def _unpack_file(item: Unpacked) -> File:
    return File(*item.rest, metadata=item.metadata)


def _pack_control(data: Control) -> Packed:
    match data.message:
        case None:
            message: tuple[int, ...] = (0,)
        case CancelSpeculation(start, end):
            message = (1, start, end)
        case BatchHint(size):
            message = (2, size)
        case DeadlineWarning(deadline):
            message = (3, deadline)
    attributes = [dict(data.metadata), message, data.segment_id, data.timestamp_ms, data.details]
    return Packed(Kind.CONTROL, b"", 0, attributes=msgspec.msgpack.encode(attributes))


def _unpack_control(item: Unpacked) -> Control:
    (which, *numbers), segment_id, timestamp_ms, details = item.rest
    makers = (None, CancelSpeculation, BatchHint, DeadlineWarning)
    maker = makers[which]
    message = None if maker is None else maker(*numbers)
    return Control(message, segment_id, timestamp_ms, details, metadata=item.metadata)


_PACKERS: Final[dict[Kind, Callable[[Any], Packed]]] = {
    Kind.AUDIO: _pack_audio,
    Kind.VIDEO: _pack_video,
    Kind.TENSOR: lambda data: _pack_array(data, data.layout),
    Kind.NUMPY: lambda data: _pack_array(data, ""),
    Kind.BINARY: _pack_binary,
    Kind.TEXT: _pack_text,
    Kind.JSON: _pack_json,
    Kind.FILE: _pack_file,
    Kind.CONTROL: _pack_control,
}
_UNPACKERS: Final[dict[Kind, Callable[[Unpacked], Data]]] = {
    Kind.AUDIO: _unpack_audio,
    Kind.VIDEO: _unpack_video,
    Kind.TENSOR: _unpack_tensor,
    Kind.NUMPY: _unpack_numpy,
    Kind.BINARY: _unpack_binary,
    Kind.TEXT: _unpack_text,
    Kind.JSON: _unpack_json,
    Kind.FILE: _unpack_file,
    Kind.CONTROL: _unpack_control,
}
