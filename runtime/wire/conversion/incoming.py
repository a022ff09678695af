"""Conversion of buffers to data items. Arrays are views of the message's bytes, not copies."""

import math
import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from actors import (
    Array,
    Audio,
    BatchHint,
    Binary,
    CancelSpeculation,
    Control,
    ControlMessage,
    Data,
    DataError,
    DeadlineWarning,
    File,
    Json,
    NumpyArray,
    PixelFormat,
    Tensor,
    Text,
    Video,
    VideoCodec,
)

from ...errors import InputError
from .. import (
    AudioBuffer,
    AudioFormat,
    BinaryBuffer,
    DataBuffer,
    FileBuffer,
    JsonData,
    NumpyBuffer,
    TensorBuffer,
    TensorDtype,
    TextBuffer,
    VideoFrame,
)
from .. import ControlMessage as ControlBuffer
from .json_check import check_json

AUDIO_DTYPES: Final[dict[int, np.dtype[Any]]] = {
    AudioFormat.UNSPECIFIED: np.dtype("<f4"),
    AudioFormat.F32: np.dtype("<f4"),
    AudioFormat.I16: np.dtype("<i2"),
    AudioFormat.I32: np.dtype("<i4"),
}
TENSOR_DTYPES: Final[dict[int, np.dtype[Any]]] = {
    TensorDtype.F32: np.dtype("<f4"),
    TensorDtype.F16: np.dtype("<f2"),
    TensorDtype.I32: np.dtype("<i4"),
    TensorDtype.I8: np.dtype("i1"),
    TensorDtype.U8: np.dtype("u1"),
}
_MOST_LENGTH: Final = 2**62
# The name of one plain type. Of other texts numpy parses a whole grammar, 10 us for each character.
_DTYPE_NAME: Final = re.compile(r"[<>|=]?[A-Za-z][A-Za-z0-9]{0,19}(\[[0-9]{0,9}[A-Za-z]{1,2}\])?")
_UTF_8: Final = frozenset({"", "utf-8", "utf8"})


def data_of(buffer: DataBuffer | None, what: str = "the chunk", *, node_id: str = "") -> Data:
    """Return the item of a buffer.

    Args:
        buffer: of any kind; None and a buffer of no kind are refused.
        what: the name of the buffer in error messages.
        node_id: the node that the item is for, named by the error.

    Raises:
        InputError: the buffer has no kind, or its fields contradict each other.
    """
    if buffer is not None:
        metadata = buffer.metadata
        for name, convert in _CONVERTERS:
            member = getattr(buffer, name)
            if member is not None:
                try:
                    return convert(member, metadata)
                except DataError as error:
                    raise InputError(f"{what}: {name}: {error}", node_id=node_id) from error
    kinds = ", ".join(name for name, _ in _CONVERTERS)
    raise InputError(f"{what} carries no data; set one of {kinds} in its buffer", node_id=node_id)


def audio_of(buffer: AudioBuffer, metadata: dict[str, str]) -> Audio:
    """Return the item of an audio buffer; no channels means one, no format means F32.

    Raises:
        DataError: its fields contradict each other.
    """
    dtype = AUDIO_DTYPES.get(buffer.format)
    if dtype is None:
        raise DataError(f"format {int(buffer.format)} is not known; expected F32, I16 or I32")
    channels = buffer.channels or 1  # unset, as existing clients send mono
    samples = _elements(buffer.samples, dtype, "samples")
    if buffer.num_samples not in (0, samples.size):
        raise DataError(
            f"num_samples is {buffer.num_samples}, but there are {samples.size} samples of "
            f"{dtype.itemsize} bytes in all channels together"
        )
    if samples.size % channels:
        raise DataError(f"{samples.size} samples cannot be divided among {channels} channels")
    return Audio(
        samples.reshape(-1, channels),
        buffer.sample_rate,
        None if buffer.metadata_json is None else bytes(buffer.metadata_json),
        metadata=metadata,
    )


def _video(buffer: VideoFrame, metadata: dict[str, str]) -> Video:
    return Video(
        np.frombuffer(buffer.pixel_data, np.uint8),
        buffer.width,
        buffer.height,
        _member(PixelFormat, buffer.format, "format"),
        buffer.frame_number,
        buffer.timestamp_us,
        _member(VideoCodec, buffer.codec, "codec"),
        buffer.is_keyframe,
        metadata=metadata,
    )


def _tensor(buffer: TensorBuffer, metadata: dict[str, str]) -> Tensor:
    dtype = TENSOR_DTYPES.get(buffer.dtype)
    if dtype is None:
        raise DataError(f"dtype {int(buffer.dtype)} is not known; expected F32, F16, I32, I8 or U8")
    elements = _elements(buffer.data, dtype, "data")
    return Tensor(_shaped(elements, buffer.shape), buffer.layout, metadata=metadata)


def _numpy(buffer: NumpyBuffer, metadata: dict[str, str]) -> NumpyArray:
    dtype = _dtype(buffer.dtype)
    elements = _elements(buffer.data, dtype, "data")
    if buffer.strides:
        return NumpyArray(_strided(elements, buffer), metadata=metadata)
    fortran = buffer.f_contiguous and not buffer.c_contiguous
    return NumpyArray(_shaped(elements, buffer.shape, "F" if fortran else "C"), metadata=metadata)


def _dtype(name: str) -> np.dtype[Any]:
    accepted = 'expected the name of one plain type, such as "float32"'
    if not _DTYPE_NAME.fullmatch(name):
        raise DataError(f"dtype is {name[:40]!r}; {accepted}")
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError) as error:
        raise DataError(f"dtype {name!r} is no numpy type; {accepted}") from error
    if dtype.hasobject or not dtype.itemsize:
        raise DataError(f"dtype {name!r} is not one of plain values; {accepted}")
    return dtype


def _strided(elements: Array, buffer: NumpyBuffer) -> Array:
    """Return the elements as an array with the buffer's shape and strides.

    A client that made its bytes with `tobytes()` has packed them in C order, whatever the strides
    of its array were. This is the case if the strides do not end exactly at the end of the data,
    and the number of elements fits the shape.
    """
    shape, strides = _checked_dimensions(buffer.shape), buffer.strides
    if len(strides) != len(shape):
        raise DataError(f"{len(strides)} strides for {len(shape)} dimensions")
    count = math.prod(shape)
    reach = [(length - 1) * stride for length, stride in zip(shape, strides, strict=True)]
    first = -sum(step for step in reach if step < 0)
    extent = first + sum(step for step in reach if step > 0) + elements.itemsize
    if not count or (extent != elements.nbytes and count == elements.size):
        return _shaped(elements, buffer.shape)
    # An array whose elements overlap would need unbounded memory once it is copied.
    if count > elements.size or extent > elements.nbytes or _splits(strides, elements):
        raise DataError(
            f"shape {list(shape)} with strides {list(strides)} does not fit {elements.nbytes} bytes"
        )
    # Unlike as_strided, this constructor checks that the array stays within the bytes.
    return np.ndarray(shape, elements.dtype, elements.view(np.uint8).data, first, tuple(strides))


def _splits(strides: list[int], elements: Array) -> bool:
    """Return whether a stride leads into the middle of an element."""
    return any(stride % elements.itemsize for stride in strides)


def _json(buffer: JsonData, metadata: dict[str, str]) -> Json:
    check_json(buffer.json_payload)
    return Json.from_text(buffer.json_payload, buffer.schema_type, metadata=metadata)


def _text(buffer: TextBuffer, metadata: dict[str, str]) -> Text:
    if buffer.encoding.lower() not in _UTF_8:
        raise DataError(f"encoding is {buffer.encoding!r}; text_data must be UTF-8")
    try:
        text = str(buffer.text_data, "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"text_data is not UTF-8: {error}") from error
    return Text(text, buffer.language, buffer.channel, buffer.encoding, metadata=metadata)


def _binary(buffer: BinaryBuffer, metadata: dict[str, str]) -> Binary:
    return Binary(np.frombuffer(buffer.data, np.uint8), buffer.mime_type, metadata=metadata)


def _file(buffer: FileBuffer, metadata: dict[str, str]) -> File:
    return File(
        buffer.path,
        buffer.filename,
        buffer.mime_type,
        buffer.size,
        buffer.offset,
        buffer.length,
        buffer.stream_id,
        metadata=metadata,
    )


def _control(buffer: ControlBuffer, metadata: dict[str, str]) -> Control:
    return Control(
        _control_message(buffer),
        buffer.segment_id,
        buffer.timestamp_ms,
        buffer.metadata,
        metadata=metadata,
    )


def _control_message(buffer: ControlBuffer) -> ControlMessage | None:
    if (span := buffer.cancel_speculation) is not None:
        return CancelSpeculation(span.from_timestamp, span.to_timestamp)
    if (hint := buffer.batch_hint) is not None:
        return BatchHint(hint.suggested_batch_size)
    if (warning := buffer.deadline_warning) is not None:
        return DeadlineWarning(warning.deadline_us)
    return None


def _elements(data: bytes, dtype: np.dtype[Any], what: str) -> Array:
    if len(data) % dtype.itemsize:
        raise DataError(
            f"{what} has {len(data)} bytes, no multiple of {dtype.itemsize}, the size of {dtype}"
        )
    return np.frombuffer(data, dtype)


def _shaped(elements: Array, shape: list[int], order: Any = "C") -> Array:
    dimensions = _checked_dimensions(shape)
    try:
        return elements.reshape(dimensions, order=order)
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"shape {list(shape)} does not fit {elements.size} elements of {elements.dtype}"
        ) from error


def _checked_dimensions(shape: list[int]) -> tuple[int, ...]:
    # numpy supports 64 dimensions since version 2, and 32 before.
    if len(shape) > 32:
        raise DataError(f"a shape of {len(shape)} dimensions; at most 32 are possible")
    # numpy would read a longer length as -1, which means "calculate it".
    if any(length > _MOST_LENGTH for length in shape):
        raise DataError(f"shape {list(shape)} has a length of more than 2**62")
    return tuple(shape)


def _member(kind: Any, value: int, what: str) -> Any:
    try:
        return kind(value)
    except ValueError as error:
        raise DataError(f"{what} {int(value)} is not known") from error


_CONVERTERS: Final[tuple[tuple[str, Callable[[Any, dict[str, str]], Data]], ...]] = (
    ("audio", audio_of),
    ("text", _text),
    ("json", _json),
    ("video", _video),
    ("tensor", _tensor),
    ("numpy", _numpy),
    ("binary", _binary),
    ("control", _control),
    ("file", _file),
)
