"""Taking items of every kind apart for shared memory, and putting them together again."""

import struct
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final

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
from actors.data import NO_METADATA, restorer

from .array_views import dtype_named, elements, shaped, strided
from .layout import (
    Header,
    PackedItem,
    aligned,
    kind_code,
    payload_of,
    read_header,
    text_of,
)

_AUDIO: Final = kind_code(Kind.AUDIO)
_BINARY: Final = kind_code(Kind.BINARY)
_TEXT: Final = kind_code(Kind.TEXT)
_JSON: Final = kind_code(Kind.JSON)

# What was packed was checked when it was made; the most frequent kinds are not checked again.
_restore_audio: Final = restorer(Audio)
_restore_binary: Final = restorer(Binary)
_restore_text: Final = restorer(Text)
_restore_json: Final = restorer(Json)

_BUNDLE: Final = kind_code(Kind.BUNDLE)
_ARRAYS: Final = frozenset(
    map(kind_code, (Kind.AUDIO, Kind.VIDEO, Kind.TENSOR, Kind.NUMPY, Kind.BINARY))
)
"""Of these kinds, the payload is an array."""

_BYTE: Final = np.dtype(np.uint8)
_AUDIO_DTYPES: Final = tuple(np.dtype(scalar) for scalar in (np.float32, np.int16, np.int32))


Metadata = Mapping[str, str]
Attributes = Sequence[Any]
Resolve = Callable[[Header, memoryview], tuple[Header, memoryview]]
"""Returns header and memory of an item as if its payload were in the place of its reference."""

_Own = dict[str, str]
_Count = Annotated[int, msgspec.Meta(ge=0)]

# A broken node process may write anything. Nodes and the wire rely on these types.
_ATTRIBUTES: Final[dict[int, msgspec.msgpack.Decoder[Any]]] = {
    kind_code(kind): msgspec.msgpack.Decoder(form)
    for kind, form in {
        Kind.AUDIO: tuple[_Own, bytes | None],
        Kind.VIDEO: tuple[_Own, _Count, _Count, int, bool],
        Kind.TENSOR: tuple[_Own, str, tuple[_Count, ...], str],
        Kind.NUMPY: tuple[_Own, str, tuple[_Count, ...], str],
        Kind.BINARY: tuple[_Own, str],
        Kind.TEXT: tuple[_Own, str, str, str],
        Kind.JSON: tuple[_Own, str],
        Kind.FILE: tuple[_Own, str, str, str, _Count, _Count, _Count, str],
        Kind.CONTROL: tuple[_Own, tuple[_Count, ...], str, _Count, str],
        Kind.BUNDLE: tuple[_Own, tuple[str, ...]],
    }.items()
}


def pack(data: Data) -> PackedItem:
    """Take an item apart; nothing is copied yet, but text is encoded."""
    return _PACKERS[data.kind](data)


def read(memory: memoryview, resolve: Resolve | None = None) -> tuple[Data, Header]:
    """Return the item in `memory`, its arrays views of it; and its header.

    Args:
        memory: read-only, beginning with a header; may be longer. It must keep what it views.
        resolve: replaces references by what they refer to; None if there can be none.

    Raises:
        DataError: this is no item.
        SharedMemoryError: `resolve` raises it.
    """
    try:
        header = read_header(memory)
        if not header.attribute_bytes and not header.is_reference:  # as most
            unpack = _UNPACKERS[header.kind_code]
            return unpack(header, memory, NO_METADATA, ()), header
        return _unpack(header, memory, resolve), header
    except (
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        struct.error,
        msgspec.MsgspecError,
        RecursionError,
    ) as error:
        raise DataError(f"what came over the link is no item: {error}") from error


def _unpack(header: Header, memory: memoryview, resolve: Resolve | None) -> Data:
    metadata: Metadata = NO_METADATA
    rest: Attributes = ()
    if header.attribute_bytes:
        end = header.total_bytes
        decoder = _ATTRIBUTES[header.kind_code]
        metadata, *rest = decoder.decode(memory[end - header.attribute_bytes : end])
        metadata = MappingProxyType(metadata) if metadata else NO_METADATA
    if header.is_reference:
        if resolve is None or header.kind_code not in _ARRAYS:
            raise DataError("it is a reference where none can be")
        header, memory = resolve(header, memory)
    if header.kind_code == _BUNDLE:
        return _unpack_bundle(header, memory, metadata, rest, resolve)
    return _UNPACKERS[header.kind_code](header, memory, metadata, rest)


def _attributes(data: Data, *rest: object) -> bytes:
    if not data.metadata and not any(rest):
        return b""
    return msgspec.msgpack.encode([dict(data.metadata), *rest])


def _is_fortran(array: Array) -> bool:
    return array.flags.f_contiguous and not array.flags.c_contiguous


def _pack_audio(data: Audio) -> PackedItem:
    samples = data.samples
    attributes = b""
    if data.metadata is not NO_METADATA or data.metadata_json is not None:
        attributes = msgspec.msgpack.encode([dict(data.metadata), data.metadata_json])
    return PackedItem(
        _AUDIO,
        samples,
        samples.nbytes,
        attributes,
        _AUDIO_DTYPES.index(samples.dtype),
        data.sample_rate,
        samples.shape[1],
    )


def _unpack_audio(
    header: Header, memory: memoryview, metadata: Metadata, rest: Attributes
) -> Audio:
    dtype = _AUDIO_DTYPES[header.subtype]
    if header.strides and header.second:
        count = header.payload_bytes // dtype.itemsize
        shape = (count // header.second, header.second)
        samples = strided(header, memory, dtype, shape)
    else:
        samples = elements(header, memory, dtype).reshape(-1, header.second)
    if not header.first:
        raise DataError("audio of 0 Hz")
    (metadata_json,) = rest or (None,)
    return _restore_audio(metadata, samples, header.first, metadata_json)


def _pack_video(data: Video) -> PackedItem:
    attributes = _attributes(
        data, data.frame_number, data.timestamp_us, int(data.codec), data.is_keyframe
    )
    return PackedItem(
        kind_code(Kind.VIDEO),
        data.pixels,
        data.pixels.nbytes,
        attributes,
        data.format,
        data.width,
        data.height,
    )


def _unpack_video(
    header: Header, memory: memoryview, metadata: Metadata, rest: Attributes
) -> Video:
    number, timestamp_us, codec, is_keyframe = rest or (0, 0, 0, False)
    return Video(
        elements(header, memory, _BYTE),
        header.first,
        header.second,
        PixelFormat(header.subtype),
        number,
        timestamp_us,
        VideoCodec(codec),
        is_keyframe,
        metadata=metadata,
    )


def _pack_array(data: Tensor | NumpyArray, layout: str) -> PackedItem:
    array = data.array
    attributes = [dict(data.metadata), array.dtype.str, array.shape, layout]
    return PackedItem(
        kind_code(data.kind),
        array,
        array.nbytes,
        msgspec.msgpack.encode(attributes),
        fortran=_is_fortran(array),
    )


def _unpack_tensor(
    header: Header, memory: memoryview, metadata: Metadata, rest: Attributes
) -> Tensor:
    dtype_name, shape, layout = rest
    array = shaped(header, memory, dtype_named(dtype_name), shape)
    return Tensor(array, layout, metadata=metadata)


def _unpack_numpy(
    header: Header, memory: memoryview, metadata: Metadata, rest: Attributes
) -> NumpyArray:
    dtype_name, shape, _ = rest
    return NumpyArray(shaped(header, memory, dtype_named(dtype_name), shape), metadata=metadata)


def _pack_binary(data: Binary) -> PackedItem:
    array = data.data
    plain = data.metadata is NO_METADATA and not data.mime_type
    attributes = b"" if plain else _attributes(data, data.mime_type)
    return PackedItem(_BINARY, array, array.nbytes, attributes)


def _unpack_binary(
    header: Header, memory: memoryview, metadata: Metadata, rest: Attributes
) -> Binary:
    (mime_type,) = rest or ("",)
    return _restore_binary(metadata, elements(header, memory, _BYTE), mime_type)


def _pack_text(data: Text) -> PackedItem:
    encoded = data.text.encode()
    attributes = _attributes(data, data.language, data.channel, data.encoding)
    return PackedItem(_TEXT, encoded, len(encoded), attributes)


def _unpack_text(header: Header, memory: memoryview, metadata: Metadata, rest: Attributes) -> Text:
    language, channel, encoding = rest or ("", "", "")
    return _restore_text(metadata, text_of(header, memory), language, channel, encoding)


def _pack_json(data: Json) -> PackedItem:
    encoded = data.text.encode()
    return PackedItem(_JSON, encoded, len(encoded), _attributes(data, data.schema_type))


def _unpack_json(header: Header, memory: memoryview, metadata: Metadata, rest: Attributes) -> Json:
    (schema_type,) = rest or ("",)
    return _restore_json(metadata, text_of(header, memory), schema_type)


def _pack_file(data: File) -> PackedItem:
    parts = (
        data.path,
        data.filename,
        data.mime_type,
        data.size,
        data.offset,
        data.length,
        data.stream_id,
    )
    attributes = msgspec.msgpack.encode([dict(data.metadata), *parts])
    return PackedItem(kind_code(Kind.FILE), b"", 0, attributes)


def _unpack_file(header: Header, memory: memoryview, metadata: Metadata, rest: Attributes) -> File:
    return File(*rest, metadata=metadata)


def _pack_control(data: Control) -> PackedItem:
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
    return PackedItem(kind_code(Kind.CONTROL), b"", 0, msgspec.msgpack.encode(attributes))


def _unpack_control(
    header: Header, memory: memoryview, metadata: Metadata, rest: Attributes
) -> Control:
    (which, *numbers), segment_id, timestamp_ms, details = rest
    makers = (None, CancelSpeculation, BatchHint, DeadlineWarning)
    maker = makers[which]
    message = None if maker is None else maker(*numbers)
    return Control(message, segment_id, timestamp_ms, details, metadata=metadata)


def _pack_bundle(data: Bundle) -> PackedItem:
    members = [pack(member) for member in data.members.values()]
    return PackedItem(
        kind_code(Kind.BUNDLE),
        members,
        sum(aligned(member.total_bytes) for member in members),
        msgspec.msgpack.encode([dict(data.metadata), list(data.members)]),
    )


def _unpack_bundle(
    header: Header,
    memory: memoryview,
    metadata: Metadata,
    rest: Attributes,
    resolve: Resolve | None = None,
) -> Bundle:
    memory, members = payload_of(header, memory), dict[str, Data]()
    (ports,) = rest
    for port in ports:
        member = read_header(memory)
        members[port] = _unpack(member, memory, resolve)
        memory = memory[aligned(member.total_bytes) :]
    return Bundle(members, metadata=metadata)


_PACKERS: Final[dict[Kind, Callable[[Any], PackedItem]]] = {
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
_UNPACKERS: Final[dict[int, Callable[[Header, memoryview, Metadata, Attributes], Data]]] = {
    kind_code(Kind.AUDIO): _unpack_audio,
    kind_code(Kind.VIDEO): _unpack_video,
    kind_code(Kind.TENSOR): _unpack_tensor,
    kind_code(Kind.NUMPY): _unpack_numpy,
    kind_code(Kind.BINARY): _unpack_binary,
    kind_code(Kind.TEXT): _unpack_text,
    kind_code(Kind.JSON): _unpack_json,
    kind_code(Kind.FILE): _unpack_file,
    kind_code(Kind.CONTROL): _unpack_control,
    kind_code(Kind.BUNDLE): _unpack_bundle,
}
