"""h2's connection for a server: one malformed request ends its stream, and no other one."""

from typing import Any

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event, StreamReset
from h2.exceptions import (
    DenialOfServiceError,
    InvalidBodyLengthError,
    ProtocolError,
    StreamClosedError,
    StreamIDTooLowError,
)
from hpack.exceptions import HPACKError

Frames = tuple[list[Any], list[Event]]
"""The frames to send, and the events for the application."""


class ServerH2Connection(H2Connection):
    """The state of one connection.

    h2 closes a connection for each error of a peer. RFC 9113, 8.1.1, asks for that only where the
    state of the whole connection is lost, as with a block of headers that cannot be decoded. A
    proxy sends the calls of many clients over one connection.

    Attributes:
        open_calls: streams that the client has opened, and that are not closed, with the last one.
    """

    open_calls = 0

    @property
    def open_inbound_streams(self) -> int:
        """Return 0, so that h2 accepts another stream: it is refused alone, see `open_calls`."""
        # h2 asks before it adds a stream; asking removes closed ones.
        self.open_calls = super().open_inbound_streams + 1
        return 0

    def has_place_for(self, stream_id: int, most: int) -> bool:
        """Return whether at most `most` streams are open, of this one and those before it.

        h2 reads all frames of one read before the first event is handled, so `open_calls` also
        counts streams that came later.
        """
        if self.open_calls <= most:
            return True
        open_until = sum(
            number % 2 == 1 and number <= stream_id and not stream.closed
            for number, stream in self.streams.items()
        )
        return open_until <= most

    def _receive_headers_frame(self, frame: Any) -> Frames:
        try:
            frames: Frames = super()._receive_headers_frame(frame)
            return frames
        except (DenialOfServiceError, StreamClosedError, StreamIDTooLowError):
            raise
        except ProtocolError as error:
            if isinstance(error.__cause__, HPACKError) or frame.stream_id not in self.streams:
                raise
            return self._reset(frame.stream_id)

    def _receive_data_frame(self, frame: Any) -> Frames:
        try:
            frames: Frames = super()._receive_data_frame(frame)
            return frames
        except InvalidBodyLengthError:
            # The bytes still count for the connection's window, as after the end of a stream.
            closed = StreamClosedError(frame.stream_id)
            acknowledged, _ = self._handle_data_on_closed_stream([], closed, frame)
            _, events = self._reset(frame.stream_id)
            return acknowledged, events

    def _reset(self, stream_id: int) -> Frames:
        frames = self.streams[stream_id].reset_stream(ErrorCodes.PROTOCOL_ERROR)
        reset = StreamReset(
            stream_id=stream_id, error_code=ErrorCodes.PROTOCOL_ERROR, remote_reset=False
        )
        return frames, [reset]
