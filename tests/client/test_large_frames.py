"""HTTP/2 frames as large as the server says that it takes."""

import h2.config
import h2.connection
import h2.events
import trio

from runtime.service import GrpcServer
from runtime.wire import VersionRequest, VersionResponse
from runtime.wire.codec import Codec

HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/remotemedia.v1.PipelineExecutionService/GetVersion"),
    (":authority", "localhost"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
]


async def test_a_large_frame_may_come_together_with_the_word_that_the_settings_were_read(
    server: GrpcServer,
) -> None:
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    client.initiate_connection()
    stream = await trio.open_tcp_stream(server.address.host, server.address.port)
    async with stream:
        await stream.send_all(client.data_to_send())
        while client.max_outbound_frame_size <= 16384:
            client.receive_data(await stream.receive_some())
        # What waits to be sent now begins with the acknowledgement.
        client.send_headers(1, HEADERS)
        frame = Codec().encode_prefixed(VersionRequest(client_version="v" * 20_000))
        client.send_data(1, frame, end_stream=True)
        await stream.send_all(client.data_to_send())
        body = await _body(client, stream)
    assert Codec().decode(body[5:], VersionResponse).version_info is not None


async def _body(client: h2.connection.H2Connection, stream: trio.SocketStream) -> bytes:
    body = b""
    with trio.fail_after(20):
        while data := await stream.receive_some():
            for event in client.receive_data(data):
                if isinstance(event, h2.events.DataReceived):
                    body += event.data
                if isinstance(event, h2.events.StreamEnded):
                    return body
    raise AssertionError("the server closed the connection")
