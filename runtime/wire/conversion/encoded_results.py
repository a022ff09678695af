"""Results of plain audio and JSON as encoded responses of a stream."""

import struct
from typing import Final

from ...events import Result
from ..codec import Buffer, encode_varint
from .buffer_forms import BufferForms

_RESULT: Final = b"\x12"
_SEQUENCE: Final = b"\x08"
_OUTPUT: Final = b"\x12"
_TOTAL_ITEMS: Final = b"\x20"
_TIMESTAMP: Final = b"\x28"
"""The tags: of StreamResponse.result, and of ChunkResult's fields."""

# ChunkResult.processing_time_ms with its tag.
_processing_time = struct.Struct("<cd").pack
_PROCESSING_TIME: Final = b"\x19"

# Larger payloads are not copied, see `Codec.encode_prefixed_buffers`.
_JOINED_BYTES: Final = 16 * 1024


class ResultEncoder:
    """Encodes results as gRPC sends them, prefix and all, without message objects.

    They are the bytes that the codec writes of `result_message`. A result of 640 B of audio takes
    4 us instead of 11, and after a sleep 10 instead of 34 (27 November 2026).
    """

    def __init__(self) -> None:
        self._forms = BufferForms()

    def encode(self, result: Result, total_items: int) -> list[Buffer] | None:
        """Return a response with a result in pieces, to be sent one after the other.

        Args:
            result: the result.
            total_items: how many items the session has received.

        Returns:
            The pieces; None for an item that has more than a plain payload, which the codec has to
            encode.
        """
        fields = self._forms.fields(result.data, result.node_id)
        if fields is None:
            return None
        head, payload, tail = fields
        output = len(head) + len(payload) + len(tail)
        milliseconds = 1000 * result.latency_seconds
        before = _OUTPUT + encode_varint(output)
        if result.sequence:
            before = _SEQUENCE + encode_varint(result.sequence) + before
        after = _processing_time(_PROCESSING_TIME, milliseconds) if milliseconds else b""
        if total_items:
            after += _TOTAL_ITEMS + encode_varint(total_items)
        if result.timestamp_ms:
            after += _TIMESTAMP + encode_varint(result.timestamp_ms)
        length = len(before) + output + len(after)
        prefix = _RESULT + encode_varint(length)
        size = (len(prefix) + length).to_bytes(5, "big")  # the first byte 0: not compressed
        if len(payload) < _JOINED_BYTES:
            return [b"".join((size, prefix, before, head, payload, tail, after))]
        return [b"".join((size, prefix, before, head)), payload, b"".join((tail, after))]
