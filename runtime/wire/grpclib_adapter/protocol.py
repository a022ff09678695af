"""One HTTP/2 connection, of either end."""

import asyncio
from collections.abc import Mapping
from typing import ClassVar, Protocol, cast

from grpclib.protocol import H2Protocol
from h2.settings import SettingCodes

from .. import MAX_FRAME_BYTES


class StreamBuffer(Protocol):
    """Receives the data of one stream."""

    def add(self, data: bytes, ack_size: int) -> None:
        """Add the data of a frame; `ack_size` is its length with padding."""

    def eof(self) -> None:
        """Mark the end: the peer sends no more."""

    def unacked_size(self) -> int:
        """Return how many bytes are not acknowledged, and forget them: the call is over."""


class Http2Protocol(H2Protocol):
    """grpclib's protocol with the frame size of both ends.

    Attributes:
        transport: the transport of the socket; None before `connection_made`.
        settings: HTTP/2 settings that this end announces, beside its windows.
    """

    transport: asyncio.Transport | None = None
    settings: ClassVar[Mapping[SettingCodes, int]] = {SettingCodes.MAX_FRAME_SIZE: MAX_FRAME_BYTES}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Announce the settings."""
        self.transport = cast("asyncio.Transport", transport)
        self.open_connection(self.transport)
        h2 = self.connection._connection
        h2.update_settings({int(key): value for key, value in self.settings.items()})
        # h2 applies the new size only with the read after the one that brings the peer's
        # acknowledgement, and would refuse a large frame that follows it in the same read.
        h2.max_inbound_frame_size = MAX_FRAME_BYTES
        self.connection.flush()

    def open_connection(self, transport: asyncio.Transport) -> None:
        """Make the state of the connection, and begin it."""
        super().connection_made(transport)

    def resume_writing(self) -> None:
        """Wake the calls that wait for the socket: a call waits for one event, its window's."""
        super().resume_writing()
        for stream in self.processor.streams.values():
            stream.window_updated.set()
