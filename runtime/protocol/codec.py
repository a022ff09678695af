"""The codec of the service: betterproto2's message classes, read and written by code of our own.

    server = grpclib.server.Server(services, codec=Codec())

It reads and writes exactly what the official protobuf runtime does, where betterproto2 itself does
not, and copies a payload at most once.
"""

from typing import Any, TypeVar, cast

import betterproto2
from grpclib.encoding.base import CodecBase

from .decoder import Decoder
from .encoder import Encoder

M = TypeVar("M", bound=betterproto2.Message)


class Codec(CodecBase):
    """Messages to bytes and back, for grpclib's `codec=`, and by itself.

    One codec serves any number of connections, in one thread.

    Example:
        codec = Codec()
        chunk = DataChunk(node_id="echo", buffer=DataBuffer(text=TextBuffer(text_data=b"hello")))
        assert codec.decode(codec.encode(chunk), DataChunk) == chunk
    """

    __content_subtype__ = "proto"

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._encoder = Encoder()

    def decode(self, data: bytes, message_type: type[M]) -> M:
        """Return the message that `data` holds.

        What arrays are made of is not copied but viewed: the fields AudioBuffer.samples,
        VideoFrame.pixel_data, TensorBuffer.data, NumpyBuffer.data and BinaryBuffer.data hold a
        read-only memoryview of `data`, one-dimensional, format "B", which keeps `data` alive
        (an unset field holds b""). All other bytes fields, text_data and metadata_json, hold bytes.

        Args:
            data: the whole message. What is not bytes is copied first, so that nothing can change
                what the views show.
            message_type: a class of betterproto2's.

        Raises:
            DecodeError: this is no message of that type. No other error is raised, whatever the
                bytes are.
        """
        if type(data) is not bytes:
            data = bytes(data)
        return self._decoder.decode(data, message_type)

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
        return b"".join(self._encoder.parts(message, message_type)[0])

    def encode_frame(
        self, message: betterproto2.Message, message_type: type[Any] | None = None
    ) -> bytes:
        """Return what gRPC sends for the message: 5 bytes of header, then its bytes.

        The payload is copied once, into what is returned. Raises as `encode` does.
        """
        parts, length = self._encoder.parts(message, message_type)
        return b"".join([b"\0", length.to_bytes(4, "big"), *parts])


def as_payload(buffer: Any) -> bytes:
    """Return a flat view of a buffer, as the value of a bytes field; nothing is copied.

    Args:
        buffer: a contiguous numpy array of any shape and dtype, bytes, or a memoryview.

    Returns:
        A memoryview, one-dimensional, format "B". The type says bytes, which is what betterproto2's
        classes declare.

    Raises:
        TypeError: it has no buffer, or not a contiguous one.
    """
    view = memoryview(buffer)
    flat = view.cast("B") if view.nbytes else memoryview(b"")
    return cast("bytes", flat)
