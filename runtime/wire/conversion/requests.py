"""Conversion of requests: chunks and resource limits, to messages of the contract and back."""

from actors import Audio, Bundle, Data, DataError

from ...config import ResourceLimits
from ...errors import InputError
from .. import AudioChunk, DataChunk
from .. import ResourceLimits as LimitsMessage
from .incoming import audio_of, data_of
from .outgoing import buffer_of

_UNLIMITED = ResourceLimits()


def chunk_message(data: Data, node_id: str, sequence: int, timestamp_ms: int) -> DataChunk:
    """Return the chunk that carries an item; a bundle becomes named buffers."""
    chunk = DataChunk(node_id=node_id, sequence=sequence, timestamp_ms=timestamp_ms)
    if isinstance(data, Bundle):
        chunk.named_buffers = {name: buffer_of(each) for name, each in data.members.items()}
        chunk.bundle_metadata = dict(data.metadata)
    else:
        chunk.buffer = buffer_of(data)
    return chunk


def chunk_data_of(chunk: DataChunk) -> Data:
    """Return the item of a chunk: that of its buffer, or a bundle of its named buffers.

    Raises:
        InputError: it has both buffer and named buffers, or neither, or a buffer is not valid. The
            error names the chunk's node.
    """
    node_id = chunk.node_id
    if not chunk.named_buffers:
        return data_of(chunk.buffer, node_id=node_id)
    if chunk.buffer is not None:
        raise InputError(
            "the chunk has both buffer and named_buffers; set one of them", node_id=node_id
        )
    members = {
        name: data_of(buffer, f"named_buffers[{name!r}]", node_id=node_id)
        for name, buffer in chunk.named_buffers.items()
    }
    try:
        return Bundle(members, metadata=chunk.bundle_metadata)
    except DataError as error:
        raise InputError(f"named_buffers: {error}", node_id=node_id) from error


def audio_of_chunk(chunk: AudioChunk) -> Audio:
    """Return the item of a legacy AudioChunk, its samples converted to float32.

    Raises:
        InputError: it has no buffer, or the buffer is not valid. The error names the chunk's node.
    """
    node_id = chunk.node_id
    if chunk.buffer is None:
        raise InputError("the audio chunk has no buffer", node_id=node_id)
    try:
        audio = audio_of(chunk.buffer, {})
    except DataError as error:
        raise InputError(f"the audio chunk: {error}", node_id=node_id) from error
    return Audio(audio.as_float(), audio.sample_rate, audio.metadata_json)


def limits_message(limits: ResourceLimits) -> LimitsMessage | None:
    """Return the message of a session's limits; None if there are none."""
    if limits == _UNLIMITED:
        return None
    return LimitsMessage(
        max_memory_bytes=limits.max_memory_bytes,
        max_timeout_ms=limits.max_timeout_ms,
        max_audio_samples=limits.max_audio_samples,
    )


def limits_of(message: LimitsMessage | None) -> ResourceLimits:
    """Return the limits of a message; None means no limits."""
    if message is None:
        return _UNLIMITED
    return ResourceLimits(
        message.max_memory_bytes, message.max_timeout_ms, message.max_audio_samples
    )
