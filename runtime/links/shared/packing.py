"""Taking items of every kind apart for shared memory, and putting them together again."""

import struct
from collections.abc import Callable
from typing import Any, Final

import msgspec
import numpy as np

from actors import (
    Array,
    Audio,
    BatchHint,
    Binary,
    Bundle,
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

from .layout import Packed, Unpacked, aligned, read_header

_AUDIO_DTYPES: Final = tuple(np.dtype(scalar) for scalar in (np.float32, np.int16, np.int32))


def pack(data: Data) -> Packed:
    """Take an item apart; nothing is copied yet, but text is encoded."""
    return _PACKERS[data.kind](data)


def read(memory: Array) -> tuple[Data, int, int, int]:
    """Return the item in `memory`, its arrays views of it; its sequence, timestamp_ms, entered_ns.

    Args:
        memory: read-only uint8, shape (bytes,), beginning with a header; may be longer.

    Raises:
        DataError: this is no item.
    """
    try:
        unpacked, _ = read_header(memory)
        data = _UNPACKERS[unpacked.kind](unpacked)
    except (
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        struct.error,
        msgspec.MsgspecError,
    ) as error:
        raise DataError(f"what came over the link is no item: {error}") from error
    return data, unpacked.sequence, unpacked.timestamp_ms, unpacked.entered_ns


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


def _pack_bundle(data: Bundle) -> Packed:
    members = [pack(member) for member in data.members.values()]
    return Packed(
        Kind.BUNDLE,
        members,
        sum(aligned(member.total_bytes) for member in members),
        attributes=msgspec.msgpack.encode([dict(data.metadata), *data.members]),
    )


def _unpack_bundle(item: Unpacked) -> Bundle:
    memory, members = item.payload, dict[str, Data]()
    for port in item.rest:
        member, size = read_header(memory)
        members[port] = _UNPACKERS[member.kind](member)
        memory = memory[aligned(size) :]
    return Bundle(members, metadata=item.metadata)


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
    Kind.BUNDLE: _pack_bundle,
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
    Kind.BUNDLE: _unpack_bundle,
}
