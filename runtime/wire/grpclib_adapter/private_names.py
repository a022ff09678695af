"""The private and undocumented names of grpclib and h2 that this folder uses, and what for."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class PrivateName:
    """One name that a release of a library may change without notice.

    Attributes:
        owner: the class or callable that has it, with its module.
        name: of an attribute, a method or a parameter.
        purpose: what Millrace uses it for.
    """

    owner: str
    name: str
    purpose: str


def _names(owner: str, **purposes: str) -> tuple[PrivateName, ...]:
    return tuple(PrivateName(owner, name, purpose) for name, purpose in purposes.items())


PRIVATE_NAMES: Final = (
    *_names(
        "grpclib.config.Configuration",
        _keepalive_time="the interval of keepalive pings",
        _keepalive_timeout="the time that a peer has to answer a ping",
        _keepalive_permit_without_calls="keepalive while no call is open",
        _http2_max_pings_without_data="keepalive without a limit on pings",
        _http2_min_sent_ping_interval_without_data="the interval of keepalive pings",
    ),
    *_names(
        "grpclib.protocol.Connection",
        _connection="HTTP/2 settings, GOAWAY, and reading frames past h2",
    ),
    *_names(
        "grpclib.protocol.Stream",
        _h2_connection="writing frames past h2",
        _transport="writing frames past h2",
        send_request="opening a client's call",
        _processor="a parameter of send_request, for opening a client's call",
        buffer="receiving messages into a buffer of its own",
        window_updated="waiting for the peer's flow control window",
    ),
    *_names(
        "grpclib.protocol.EventsProcessor",
        streams="finding the call of a frame",
        processors="accepting calls, and ignoring unknown frames",
        register="accepting calls",
        process_stream_reset="counting the calls that are reset",
        process_ping_ack_received="sending the last GOAWAY after the answer to a ping",
    ),
    *_names(
        "grpclib.client.Channel",
        __connect__="opening a connection",
        _protocol_factory="connections of its own",
        _scheme="the headers of a call",
        _authority="the headers of a call",
        _config="connections of its own",
        _h2_config="connections of its own",
    ),
    *_names(
        "h2.connection.H2Connection",
        streams="reading and writing frames past h2",
        state_machine="reading and writing frames past h2",
        max_inbound_frame_size="large frames that follow the acknowledged settings at once",
        outbound_flow_control_window="writing frames past h2",
        _inbound_flow_control_window_manager="reading frames past h2",
        highest_inbound_stream_id="the last call that a GOAWAY names",
        open_inbound_streams="refusing one call too many, not its connection",
        _receive_headers_frame="resetting a malformed call, not its connection",
        _receive_data_frame="resetting a malformed call, not its connection",
        _handle_data_on_closed_stream="resetting a malformed call, not its connection",
    ),
    *_names(
        "h2.stream.H2Stream",
        state_machine="reading and writing frames past h2",
        outbound_flow_control_window="writing frames past h2",
        _inbound_window_manager="reading frames past h2",
        _expected_content_length="reading frames past h2",
    ),
    *_names("h2.connection.H2ConnectionStateMachine", state="reading and writing frames past h2"),
    *_names("h2.stream.H2StreamStateMachine", state="reading and writing frames past h2"),
    *_names(
        "h2.windows.WindowManager",
        current_window_size="reading frames past h2",
        window_consumed="reading frames past h2",
    ),
)
