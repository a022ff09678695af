"""The codec of the service: betterproto2's message classes, read and written by code of our own.

    server = grpclib.server.Server(services, codec=Codec())

It reads and writes exactly what the official protobuf runtime does, which betterproto2 itself does
not, within limits of how much one message may hold, and it copies a payload at most once.
"""

from typing import Any, Final, TypeVar, cast

import betterproto2

from .decoder import Decoder
from .encoder import Encoder
from .errors import UnfitError
from .limits import MOST_FIELDS
from .part_writers import Buffer
from .scalar_writers import flat_view

_SMALL: Final = 16 * 1024
_SHORT_FIELDS: Final = 5_000

M = TypeVar("M", bound=betterproto2.Message)


class Codec:
    """Encodes and decodes messages; also what grpclib takes as `codec=`.

    One codec serves any number of connections. Only messages of prepared classes may be decoded in
    several threads at once.

    Args:
        prepared: classes to prepare for now, with all classes that they hold. Other classes are
            prepared when their first message is read or written, which takes some ms for each.
        most_fields: how many fields a message may have that is read, with all that is nested in
            it. The end of each message, list and map entry counts as one more.

    Example:
        codec = Codec()
        chunk = DataChunk(node_id="echo", buffer=DataBuffer(text=TextBuffer(text_data=b"hello")))
        assert codec.decode(codec.encode(chunk), DataChunk) == chunk
    """

    __content_subtype__ = "proto"  # what grpclib asks of a codec

    def __init__(
        self, *prepared: type[betterproto2.Message], most_fields: int = MOST_FIELDS
    ) -> None:
        self._decoder = Decoder(most_fields=most_fields)
        self._view_decoder = Decoder(most_fields=most_fields, of_views=True)
        self._encoder = Encoder()
        for message_type in prepared:
            self.prepare(message_type)

    def decode(self, data: Buffer, message_type: type[M]) -> M:
        """Return the message that `data` holds.

        The payloads of arrays are not copied but viewed: the fields AudioBuffer.samples,
        VideoFrame.pixel_data, TensorBuffer.data, NumpyBuffer.data and BinaryBuffer.data hold a
        read-only memoryview of `data`, one-dimensional, format "B", which keeps `data` alive
        (an unset field holds b""). All other bytes fields, text_data and metadata_json, hold bytes.

        Args:
            data: the whole message. Bytes are viewed, and so is a read-only memoryview, whose
                bytes may not change any more; other buffers are copied first.
            message_type: a class of betterproto2's.

        Raises:
            DecodeError: this is no message of that type. No other error is raised, for any bytes.
            MessageLimitError: it has more fields than allowed, or more values of one list or map
                than the contract's limits, which `codec.limits` lists.
        """
        if isinstance(data, bytes):
            return self._decoder.decode(data, message_type)
        if _is_plain_view(data):
            return self._view_decoder.decode(memoryview(data), message_type)
        return self._decoder.decode(memoryview(data).tobytes(), message_type)

    def decode_short(
        self, data: Buffer, message_type: type[M], *, most_fields: int = _SHORT_FIELDS
    ) -> M | None:
        """Return the message, or None if it has so many fields that reading it takes long.

        Such a message is for `decode` in a thread, so that the event loop goes on; `prepare` its
        class before.

        Args:
            data: as for `decode`.
            message_type: as for `decode`.
            most_fields: a message of more is not read; by default 5,000, which take about 5 ms.

        Raises:
            DecodeError: as `decode`.
        """
        if isinstance(data, bytes):
            return self._decoder.decode_within(most_fields, data, message_type)
        if _is_plain_view(data):
            view = memoryview(data)
            return self._view_decoder.decode_within(most_fields, view, message_type)
        copy = memoryview(data).tobytes()
        return self._decoder.decode_within(most_fields, copy, message_type)

    def prepare(self, message_type: type[betterproto2.Message]) -> None:
        """Prepare for messages of a class, and of all classes that it holds."""
        self._decoder.prepare(message_type)
        self._view_decoder.prepare(message_type)
        self._encoder.prepare(message_type)

    def encode(self, message: betterproto2.Message, message_type: type[Any] | None = None) -> bytes:
        """Return the message's bytes, as the official runtime writes them.

        Args:
            message: its bytes fields may hold any contiguous buffer: bytes, memoryviews, numpy
                arrays (written as they lie in memory).
            message_type: if given, the class that `message` must be of.

        Raises:
            EncodeError: a value that its field cannot hold; two members of one oneof.
            TypeError: `message` is no `message_type`.
        """
        _check_type(message, message_type)
        return b"".join(self._encoder.parts(message)[0])

    def encode_prefixed(
        self, message: betterproto2.Message, message_type: type[Any] | None = None
    ) -> bytes:
        """Return the message as gRPC sends it: a header of 5 bytes, then the message's bytes.

        The payload is copied once, into the result. Raises as `encode` does.
        """
        _check_type(message, message_type)
        parts, length = self._encoder.parts(message)
        parts.insert(0, length.to_bytes(5, "big"))  # the first byte 0: not compressed
        return b"".join(parts)

    def encode_prefixed_buffers(
        self, message: betterproto2.Message, message_type: type[Any] | None = None
    ) -> list[Buffer]:
        """Return the result of `encode_prefixed` in pieces, so that large payloads are not copied.

        Pieces of less than 16 KiB, as much as HTTP/2 sends at a time, are joined with their
        neighbours. So a small message is one piece; one with a large payload is three, the second
        of them the buffer in the message's field, which may not change until it is written.
        Raises as `encode` does.
        """
        _check_type(message, message_type)
        parts, length = self._encoder.parts(message)
        buffers: list[Buffer] = []
        small: list[Buffer] = [length.to_bytes(5, "big")]
        for part in parts:
            if len(part) < _SMALL:
                small.append(part)
            else:
                buffers += b"".join(small), part
                small = []
        if small:
            buffers.append(b"".join(small))
        return buffers


def _is_plain_view(data: Buffer) -> bool:
    return (
        isinstance(data, memoryview)
        and data.readonly
        and data.contiguous
        and data.ndim == 1
        and data.format == "B"
    )


def _check_type(message: betterproto2.Message, message_type: type[Any] | None) -> None:
    if message_type is not None and not isinstance(message, message_type):
        expected = message_type.__name__
        raise TypeError(f"this call takes messages of {expected}, not {type(message).__name__}")


def as_payload(buffer: Any) -> bytes:
    """Return a flat view of a buffer, as the value of a bytes field; nothing is copied.

    Args:
        buffer: a contiguous numpy array of any shape and dtype, bytes, or a memoryview.

    Returns:
        A memoryview, one-dimensional, format "B"; it may not change until it is written. It is
        annotated as bytes, as the fields of betterproto2's classes are.

    Raises:
        TypeError: it has no buffer, or not a contiguous one.
    """
    try:
        return cast("bytes", flat_view(buffer))
    except UnfitError as error:
        raise TypeError(f"a payload {error}") from None
