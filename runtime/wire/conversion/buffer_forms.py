"""Items as encoded fields of a message, for streams: many items, small, and of few forms.

The id of a node and a buffer are fields 1 and 2 of a DataChunk, and of an entry of
ChunkResult.data_outputs: the same bytes.
"""

from typing import Final

from actors import Audio, Data, Json

from ..codec import Buffer, encode_varint
from .incoming import AUDIO_DTYPES

# Streams have one or two forms; a client that changes it with every chunk must not fill memory.
_MOST_FORMS: Final = 64

_NODE_ID: Final = b"\x0a"
_BUFFER: Final = b"\x12"
_AUDIO: Final = b"\x0a"
_JSON: Final = b"\x22"
_FIRST: Final = b"\x0a"
"""The tags: of a node id and a buffer, of DataBuffer's kinds, and of the payload in each kind."""

_AUDIO_NUMBERS: Final = (b"\x10", b"\x18", b"\x20", b"\x28")
"""The tags of AudioBuffer.sample_rate, channels, format and num_samples."""

_FORMATS: Final = {dtype: number for number, dtype in AUDIO_DTYPES.items() if number}

Fields = tuple[bytes, Buffer, bytes]
"""What precedes a payload, the payload, and what follows it."""

_NO_PAYLOAD: Final = b""


class BufferForms:
    """Encodes the id of a node and an item, where that takes no message objects.

    What is the same for all items of a stream is encoded once.
    """

    def __init__(self) -> None:
        self._audio: dict[tuple[object, ...], tuple[bytes, bytes]] = {}
        self._node_ids: dict[str, bytes] = {}

    def fields(self, data: Data, node_id: str) -> Fields | None:
        """Return the encoded fields; None for an item that has more than a plain payload.

        Raises:
            UnicodeEncodeError: a text that UTF-8 cannot hold.
        """
        if data.metadata:
            return None
        if isinstance(data, Audio):
            samples = data.samples
            if data.metadata_json is not None or not samples.flags.c_contiguous:
                return None
            key = (samples.dtype, samples.shape, data.sample_rate, node_id)
            form = self._audio.get(key)
            if form is None:
                if len(self._audio) >= _MOST_FORMS:
                    self._audio.clear()
                head, tail = _audio_form(data)
                form = self._audio[key] = (self._node_id(node_id) + head, tail)
            payload = samples.data.cast("B") if samples.size else _NO_PAYLOAD
            return form[0], payload, form[1]
        if isinstance(data, Json) and not data.schema_type:
            text = data.text.encode()
            payload = _FIRST + encode_varint(len(text)) + text if text else b""
            head = _JSON + encode_varint(len(payload))
            buffer = _BUFFER + encode_varint(len(head) + len(payload)) + head + payload
            return self._node_id(node_id) + buffer, _NO_PAYLOAD, b""
        return None

    def _node_id(self, node_id: str) -> bytes:
        encoded = self._node_ids.get(node_id)
        if encoded is None:
            text = node_id.encode()
            encoded = _NODE_ID + encode_varint(len(text)) + text if text else b""
            self._node_ids[node_id] = encoded
        return encoded


def _audio_form(data: Audio) -> tuple[bytes, bytes]:
    """Return what precedes and what follows the samples in an encoded buffer, tag and all."""
    samples = data.samples
    numbers = (data.sample_rate, data.channels, _FORMATS[samples.dtype], samples.size)
    tail = b"".join(
        tag + encode_varint(number)
        for tag, number in zip(_AUDIO_NUMBERS, numbers, strict=True)
        if number
    )
    size = samples.nbytes
    head = _FIRST + encode_varint(size) if size else b""
    head = _AUDIO + encode_varint(len(head) + size + len(tail)) + head
    head = _BUFFER + encode_varint(len(head) + size + len(tail)) + head
    return head, tail
