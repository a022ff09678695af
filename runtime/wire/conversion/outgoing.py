"""Conversion of data items to buffers."""

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
    Data,
    DeadlineWarning,
    File,
    Json,
    Kind,
    NumpyArray,
    Tensor,
    Text,
    Video,
)

from ... import wire as protocol
from .. import (
    AudioBuffer,
    BinaryBuffer,
    DataBuffer,
    FileBuffer,
    JsonData,
    NumpyBuffer,
    TensorBuffer,
    TextBuffer,
    VideoFrame,
)
from ..codec import as_payload
from .incoming import AUDIO_DTYPES, TENSOR_DTYPES

_AUDIO_FORMATS: Final = {
    dtype: protocol.AudioFormat(number) for number, dtype in AUDIO_DTYPES.items() if number
}
_TENSOR_DTYPES: Final = {dtype: protocol.TensorDtype(n) for n, dtype in TENSOR_DTYPES.items()}


def buffer_of(data: Data) -> DataBuffer:
    """Return the buffer of an item; its bytes are views of the item's arrays.

    Raises:
        KeyError: the contract has no such kind: a bundle.
    """
    name, convert = _CONVERTERS[data.kind]
    return DataBuffer(**{name: convert(data)}, metadata=dict(data.metadata))


def _audio(data: Audio) -> AudioBuffer:
    samples = _little_endian(data.samples)
    return AudioBuffer(
        samples=_payload(samples),
        sample_rate=data.sample_rate,
        channels=data.channels,
        format=_AUDIO_FORMATS[samples.dtype],
        num_samples=samples.size,
        metadata_json=data.metadata_json,
    )


def _video(data: Video) -> VideoFrame:
    return VideoFrame(
        pixel_data=_payload(data.pixels),
        width=data.width,
        height=data.height,
        format=protocol.PixelFormat(data.format),
        frame_number=data.frame_number,
        timestamp_us=data.timestamp_us,
        codec=protocol.VideoCodec(data.codec),
        is_keyframe=data.is_keyframe,
    )


def _tensor(data: Tensor) -> TensorBuffer:
    array = _little_endian(data.array)
    return TensorBuffer(
        data=_payload(array),
        shape=list(array.shape),
        dtype=_TENSOR_DTYPES[array.dtype],
        layout=data.layout,
    )


def _numpy(data: NumpyArray) -> NumpyBuffer:
    array = _little_endian(data.array)
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    # An array in Fortran order is packed without a copy: its transpose is in C order.
    packed = array.T if fortran else np.ascontiguousarray(array).reshape(array.shape)
    has_name = array.dtype.isnative and array.dtype.kind in "biufc"
    return NumpyBuffer(
        data=_payload(packed),
        shape=list(array.shape),
        dtype=array.dtype.name if has_name else array.dtype.str,
        strides=list(packed.T.strides if fortran else packed.strides),
        c_contiguous=not fortran,
        f_contiguous=fortran or packed.flags.f_contiguous,
    )


def _json(data: Json) -> JsonData:
    return JsonData(json_payload=data.text, schema_type=data.schema_type)


def _text(data: Text) -> TextBuffer:
    return TextBuffer(
        text_data=data.text.encode(),
        encoding=data.encoding,
        language=data.language,
        channel=data.channel,
    )


def _binary(data: Binary) -> BinaryBuffer:
    return BinaryBuffer(data=_payload(data.data), mime_type=data.mime_type)


def _file(data: File) -> FileBuffer:
    return FileBuffer(
        path=data.path,
        filename=data.filename,
        mime_type=data.mime_type,
        size=data.size,
        offset=data.offset,
        length=data.length,
        stream_id=data.stream_id,
    )


def _control(data: Control) -> protocol.ControlMessage:
    message = protocol.ControlMessage(
        segment_id=data.segment_id, timestamp_ms=data.timestamp_ms, metadata=data.details
    )
    match data.message:
        case CancelSpeculation(start, end):
            message.cancel_speculation = protocol.CancelSpeculation(
                from_timestamp=start, to_timestamp=end
            )
        case BatchHint(size):
            message.batch_hint = protocol.BatchHint(suggested_batch_size=size)
        case DeadlineWarning(deadline):
            message.deadline_warning = protocol.DeadlineWarning(deadline_us=deadline)
    return message


def _little_endian(array: Array) -> Array:
    return array if array.dtype.byteorder != ">" else array.astype(array.dtype.newbyteorder("<"))


def _payload(array: Array) -> bytes:
    contiguous = np.ascontiguousarray(array)
    if contiguous.dtype.kind in "mM":  # times, for which numpy exports no buffer
        contiguous = contiguous.view(np.int64)
    return as_payload(contiguous)


_CONVERTERS: Final[dict[Kind, tuple[str, Callable[[Any], Any]]]] = {
    Kind.AUDIO: ("audio", _audio),
    Kind.VIDEO: ("video", _video),
    Kind.TENSOR: ("tensor", _tensor),
    Kind.NUMPY: ("numpy", _numpy),
    Kind.JSON: ("json", _json),
    Kind.TEXT: ("text", _text),
    Kind.BINARY: ("binary", _binary),
    Kind.CONTROL: ("control", _control),
    Kind.FILE: ("file", _file),
}
