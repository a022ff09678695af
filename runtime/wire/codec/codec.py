"""The codec of the service: betterproto2's message classes, read and written by code of our own.

    server = grpclib.server.Server(services, codec=Codec())

It reads and writes exactly what the official protobuf runtime does, where betterproto2 itself does
not, and copies a payload at most once.
"""

from typing import Any, Final, TypeVar, cast

import betterproto2

from .decoder import Decoder
from .encoder import Encoder
from .errors import UnfitError
from .part_writers import Buffer
from .scalar_writers import flat_view

_SMALL: Final = 16 * 1024

M = TypeVar("M", bound=betterproto2.Message)


class Codec:
    """Encodes and decodes messages; also what grpclib takes as `codec=`.

    One codec serves any number of connections, in one thread.

    Args:
        prepared: classes to get ready for now, with all that they hold. What is needed for other
            classes is made when the first message of theirs comes or goes, some ms for each.

    Example:
        codec = Codec()
        chunk = DataChunk(node_id="echo", buffer=DataBuffer(text=TextBuffer(text_data=b"hello")))
        assert codec.decode(codec.encode(chunk), DataChunk) == chunk
    """

    __content_subtype__ = "proto"  # what grpclib asks of a codec

    def __init__(self, *prepared: type[betterproto2.Message]) -> None:
        self._decoder = Decoder()
        self._view_decoder = Decoder(of_views=True)
        self._encoder = Encoder()
        for message_type in prepared:
            self._decoder.prepare(message_type)
            self._view_decoder.prepare(message_type)
            self._encoder.prepare(message_type)

    def decode(self, data: Buffer, message_type: type[M]) -> M:
        """Return the message that `data` holds.

        What arrays are made of is not copied but viewed: the fields AudioBuffer.samples,
        VideoFrame.pixel_data, TensorBuffer.data, NumpyBuffer.data and BinaryBuffer.data hold a
        read-only memoryview of `data`, one-dimensional, format "B", which keeps `data` alive
        (an unset field holds b""). All other bytes fields, text_data and metadata_json, hold bytes.

        Args:
            data: the whole message. Bytes are viewed, and so is a read-only memoryview, which
                nobody may write to behind its back; what else has a buffer is copied first.
            message_type: a class of betterproto2's.

        Raises:
            DecodeError: this is no message of that type. No other error is raised, whatever the
                bytes are.
        """
        if isinstance(data, bytes):
            return self._decoder.decode(data, message_type)
        if _is_plain_view(data):
            return self._view_decoder.decode(memoryview(data), message_type)
        return self._decoder.decode(memoryview(data).tobytes(), message_type)

    def encode(self, message: betterproto2.Message, message_type: type[Any] | None = None) -> bytes:
        """Return the message's bytes, as the official runtime writes them.

        Args:
            message: its bytes fields may hold whatever has a contiguous buffer: bytes, memoryviews,
                numpy arrays (written as they lie in memory).
            message_type: if given, what `message` has to be.

        Raises:
            EncodeError: a value that its field cannot hold; two members of one oneof.
            TypeError: `message` is no `message_type`.
        """
        _check_type(message, message_type)
        return b"".join(self._encoder.parts(message)[0])

    def encode_prefixed(
        self, message: betterproto2.Message, message_type: type[Any] | None = None
    ) -> bytes:
        """Return what gRPC sends for the message: 5 bytes of header, then its bytes.

        The payload is copied once, into what is returned. Raises as `encode` does.
        """
        _check_type(message, message_type)
        parts, length = self._encoder.parts(message)
        parts.insert(0, length.to_bytes(5, "big"))  # the first byte says: not compressed
        return b"".join(parts)

    def encode_prefixed_buffers(
        self, message: betterproto2.Message, message_type: type[Any] | None = None
    ) -> list[Buffer]:
        """Return what `encode_prefixed` does, in pieces, so that large payloads are not copied.

        Whatever has less than 16 KiB, as much as HTTP/2 sends at a time, is joined with what stands
        beside it. So a small message is one piece; one with a large payload is three, the second
        of them what the message's field holds. That may not change until it is written.
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
        A memoryview, one-dimensional, format "B"; it may not change until it is written. Its type
        here says bytes, because that is what betterproto2's classes declare.

    Raises:
        TypeError: it has no buffer, or not a contiguous one.
    """
    try:
        return cast("bytes", flat_view(buffer))
    except UnfitError as error:
        raise TypeError(f"a payload {error}") from None
