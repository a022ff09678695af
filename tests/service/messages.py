"""The contract's messages as other clients have them: the official protobuf runtime's classes."""

import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

pytest.importorskip("google.protobuf", reason="protobuf is missing: install the dev extra")

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from runtime.wire import descriptor_set


@functools.cache
def _pool() -> Any:
    # A pool of its own: that of the health and reflection packages has other classes.
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptor_set()).file:
        pool.Add(file)
    return pool


@functools.cache
def message_class(name: str) -> Any:
    """Return the class of a message, by its full name or by that in remotemedia.v1."""
    full = name if "." in name else f"remotemedia.v1.{name}"
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(full))


def make(kind: str, /, **fields: Any) -> Any:
    """Make a message; `from_` is the field `from`."""
    return message_class(kind)(**{name.rstrip("_"): value for name, value in fields.items()})


def enum_number(enum: str, name: str) -> int:
    """Return the number of an enum's member."""
    return int(_pool().FindEnumTypeByName(f"remotemedia.v1.{enum}").values_by_name[name].number)


def error_name(error: Any) -> str:
    """Return the name of an ErrorResponse's type, without its prefix."""
    kind = _pool().FindEnumTypeByName("remotemedia.v1.ErrorType")
    return str(kind.values_by_number[error.error_type].name).removeprefix("ERROR_TYPE_")


def pipeline(
    nodes: Mapping[str, Any],
    connections: Iterable[str] = (),
    *,
    places: Mapping[str, str] | None = None,
    **multiprocess: Any,
) -> Any:
    """Make a PipelineManifest.

    Args:
        nodes: node id -> type, or (type, params).
        connections: "a > b" each.
        places: node id -> executor.
        multiprocess: more of MultiprocessConfig.
    """
    settings = {"executor_overrides": dict(places or {}), **multiprocess}
    metadata = make(
        "ManifestMetadata", name="test", multiprocess=make("MultiprocessConfig", **settings)
    )
    return make(
        "PipelineManifest",
        version="v1",
        metadata=metadata,
        nodes=[_node(node_id, kind) for node_id, kind in nodes.items()],
        connections=[
            make("Connection", from_=one, to=other)
            for one, other in (each.split(" > ") for each in connections)
        ],
    )


def _node(node_id: str, kind: Any) -> Any:
    name, params = (kind, {}) if isinstance(kind, str) else kind
    return make(
        "NodeManifest", id=node_id, node_type=name, params=json.dumps(params) if params else ""
    )


def init(manifest: Any, *, client_version: str = "test", **fields: Any) -> Any:
    """Make the first request of a stream."""
    message = make("StreamInit", manifest=manifest, client_version=client_version, **fields)
    return make("StreamRequest", init=message)


def chunk(buffer: Any, sequence: int, node: str = "a", **fields: Any) -> Any:
    """Make a request with a DataChunk."""
    return make(
        "StreamRequest",
        data_chunk=make("DataChunk", node_id=node, buffer=buffer, sequence=sequence, **fields),
    )


def named_chunk(buffers: Mapping[str, Any], sequence: int, node: str = "a") -> Any:
    """Make a request with a DataChunk of named buffers."""
    return make(
        "StreamRequest",
        data_chunk=make("DataChunk", node_id=node, named_buffers=buffers, sequence=sequence),
    )


def control(command: str | int) -> Any:
    """Make a request with a control: "CLOSE", "CANCEL", or a number."""
    number = command
    if isinstance(command, str):
        number = enum_number("StreamControl.Command", f"COMMAND_{command}")
    return make("StreamRequest", control=make("StreamControl", command=number))


def json_buffer(value: Any) -> Any:
    """Make a buffer of a JSON value."""
    return make("DataBuffer", json=make("JsonData", json_payload=json.dumps(value)))


def text_buffer(text: str) -> Any:
    """Make a buffer of a text."""
    return make("DataBuffer", text=make("TextBuffer", text_data=text.encode()))


def audio(samples: np.ndarray, *, sample_rate: int = 16000, **fields: Any) -> Any:
    """Make an AudioBuffer of float32, int16 or int32 samples, shape (frames,) or (frames, ch)."""
    names = {"float32": "F32", "int16": "I16", "int32": "I32"}
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    number = enum_number("AudioFormat", f"AUDIO_FORMAT_{names[samples.dtype.name]}")
    settings = {"format": number, "num_samples": samples.size, "channels": channels, **fields}
    return make("AudioBuffer", samples=samples.tobytes(), sample_rate=sample_rate, **settings)


def audio_buffer(samples: np.ndarray, **fields: Any) -> Any:
    """Make a DataBuffer of samples, as `audio` takes them."""
    return make("DataBuffer", audio=audio(samples, **fields))


def numpy_buffer(size: int) -> Any:
    """Make a buffer of `size` bytes."""
    data = np.arange(size, dtype=np.uint8) if size < 256 else np.resize(np.arange(251), size)
    message = make("NumpyBuffer", data=data.astype(np.uint8).tobytes(), shape=[size], dtype="uint8")
    return make("DataBuffer", numpy=message)


def values(results: Iterable[Any], node: str) -> list[Any]:
    """Return the JSON values that a sink gave, of StreamResponses or ChunkResults."""
    found = [each.result if hasattr(each, "result") else each for each in results]
    return [
        json.loads(each.data_outputs[node].json.json_payload)
        for each in found
        if node in each.data_outputs
    ]
