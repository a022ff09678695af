"""grpclib's configuration, with the windows of the wire and with keepalive pings."""

from grpclib.config import Configuration

from .. import CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES


def http2_configuration(
    *, keepalive_seconds: float, keepalive_timeout_seconds: float, ping_without_calls: bool
) -> Configuration:
    """Return grpclib's configuration for one end.

    Args:
        keepalive_seconds: interval of the pings that find a peer that is gone.
        keepalive_timeout_seconds: a ping without an answer for this long closes the connection.
        ping_without_calls: whether to ping while no call is open.
    """
    return Configuration(
        http2_connection_window_size=CONNECTION_WINDOW_BYTES,
        http2_stream_window_size=STREAM_WINDOW_BYTES,
        _keepalive_time=keepalive_seconds,
        _keepalive_timeout=keepalive_timeout_seconds,
        _keepalive_permit_without_calls=ping_without_calls,
        _http2_max_pings_without_data=0,  # no limit
        _http2_min_sent_ping_interval_without_data=keepalive_seconds / 2,
    )
