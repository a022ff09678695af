"""Results as JSON objects: small values as they are, arrays by shape and dtype."""

import dataclasses
import json
from collections.abc import Mapping

from actors import (
    Audio,
    Binary,
    Bundle,
    Control,
    Data,
    DataError,
    File,
    Json,
    NumpyArray,
    Tensor,
    Text,
    Video,
)

from ..errors import printable_json


def as_record(
    data: Data, *, node_id: str, sequence: int, timestamp_ms: int = 0
) -> dict[str, object]:
    """Return a result as an object for one line of JSON.

    The keys are node, sequence, kind and payload, and metadata and timestamp_ms if there are any.
    The payload of text and JSON is the value; that of audio, video and arrays has shape and dtype.

    >>> as_record(Text("hello"), node_id="echo", sequence=3)
    {'node': 'echo', 'sequence': 3, 'kind': 'text', 'payload': 'hello'}
    """
    record: dict[str, object] = {
        "node": node_id,
        "sequence": sequence,
        "kind": data.kind.value,
        "payload": _payload(data),
    }
    if timestamp_ms:
        record["timestamp_ms"] = timestamp_ms
    if data.metadata:
        record["metadata"] = dict(data.metadata)
    return record


def json_line(value: object) -> str:
    """Return a value as JSON on one line, without characters that a terminal would obey."""
    return printable_json(json.dumps(value, ensure_ascii=False))


def one_line(item: Json) -> str:
    """Return a JSON item's text on one line; unchanged if it has one line."""
    if "\n" not in item.text and "\r" not in item.text:
        return item.text
    try:
        return json_line(item.value)
    except DataError:  # the text is not JSON; a JSON string of it is one line too
        return json_line(item.text)


def _payload(data: Data) -> object:
    match data:
        case Text():
            return data.text
        case Json():
            try:
                return data.value
            except DataError:
                return data.text
        case Audio():
            return {
                "sample_rate": data.sample_rate,
                "channels": data.channels,
                "frames": data.frames,
                "dtype": str(data.samples.dtype),
            }
        case Video():
            return {
                "width": data.width,
                "height": data.height,
                "format": data.format.name,
                "frame_number": data.frame_number,
                "timestamp_us": data.timestamp_us,
                "bytes": data.pixels.nbytes,
            }
        case Tensor():
            return _array(data.array.shape, str(data.array.dtype), {"layout": data.layout})
        case NumpyArray():
            return _array(data.array.shape, str(data.array.dtype), {})
        case Binary():
            return {"bytes": data.data.nbytes, "mime_type": data.mime_type}
        case File():
            return _fields(data)
        case Control():
            message = data.message
            return {
                "message": None if message is None else type(message).__name__,
                **({} if message is None else dataclasses.asdict(message)),
                **{name: value for name, value in _fields(data).items() if name != "message"},
            }
        case Bundle():
            return {port: _member(member) for port, member in data.members.items()}
        case _:
            return None


def _member(data: Data) -> dict[str, object]:
    member: dict[str, object] = {"kind": data.kind.value, "payload": _payload(data)}
    return {**member, "metadata": dict(data.metadata)} if data.metadata else member


def _array(shape: tuple[int, ...], dtype: str, more: Mapping[str, str]) -> dict[str, object]:
    return {"shape": list(shape), "dtype": dtype, **{key: more[key] for key in more if more[key]}}


def _fields(data: Data) -> dict[str, object]:
    return {
        field.name: getattr(data, field.name)
        for field in dataclasses.fields(data)
        if field.name != "metadata"
    }
