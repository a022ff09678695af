"""Whatever comes to the port, the server goes on serving everyone else."""

import random
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import grpc
import pytest

from runtime import RuntimeConfig
from runtime.config import Server as ServerSettings
from tests.service.conftest import Serve
from tests.service.grpcio_client import Client, connected
from tests.service.messages import chunk, control, init, json_buffer, make, numpy_buffer, pipeline
from tests.service.raw_client import GET_VERSION, SECONDS, STREAM_PIPELINE, frame, raw_client
from tests.service.serving import ServingThread

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
ECHO = pipeline({"a": "PassThrough"})


def h2_frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body


SETTINGS = h2_frame(4, 0, 0, b"")
STRANGERS: dict[str, bytes] = {
    "garbage": bytes(range(256)) * 20,
    "HTTP/1.1": b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500,
    "half a preface": PREFACE[:10] + b"x" * 100,
    "garbage after the preface": PREFACE + b"\xff" * 200,
    "an endless frame": PREFACE + SETTINGS + b"\xff\xff\xff\0\0\0\0\0\x01" + b"x" * 1000,
    "data for a stream that is not there": PREFACE + SETTINGS + h2_frame(0, 0, 7, b"data"),
    "headers that are no headers": PREFACE + SETTINGS + h2_frame(1, 4, 1, b"\xff" * 50),
    "a window of nothing": PREFACE + SETTINGS + h2_frame(8, 0, 0, b"\0\0\0\0"),
    "a window beyond all bounds": PREFACE + SETTINGS + h2_frame(8, 0, 0, b"\x7f\xff\xff\xff") * 2,
    "an even stream": PREFACE + SETTINGS + h2_frame(1, 5, 2, b"\x82"),
    "a push": PREFACE + SETTINGS + h2_frame(5, 4, 1, b"\0\0\0\2\x82"),
    "a goodbye": PREFACE + SETTINGS + h2_frame(7, 0, 0, b"\0" * 8),
    "settings out of range": PREFACE + h2_frame(4, 0, 0, b"\0\5\0\0\0\1"),
    "a ping of a wrong length": PREFACE + SETTINGS + h2_frame(6, 0, 0, b"123"),
}


@pytest.fixture
def other(server: ServingThread, client: Client) -> Iterator[Callable[[], None]]:
    """Another client's stream, which runs all the time; a check that it still does."""
    with client.pipeline(ECHO) as stream:
        stream.wait_ready()
        sequences = iter(range(1000))

        def check() -> None:
            sequence = next(sequences)
            stream.send(chunk(json_buffer(sequence), sequence))
            assert [each.sequence for each in stream.results(1)] == [sequence]

        check()
        yield check
        check()
        stream.send(control("CLOSE"))
        assert stream.rest().closed


@pytest.mark.parametrize("name", STRANGERS)
def test_bytes_that_make_no_sense_end_their_own_connection_only(
    server: ServingThread, other: Callable[[], None], name: str
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as sock:
        sock.sendall(STRANGERS[name])
        read_to_end(sock)
    other()


def read_to_end(sock: socket.socket) -> None:
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        pass


def test_connections_that_say_nothing_are_in_nobody_s_way(
    server: ServingThread, other: Callable[[], None]
) -> None:
    with ExitStack() as stack:
        for said in [b"", PREFACE[:5], PREFACE, PREFACE + SETTINGS, b"\0"] * 20:
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            sock.sendall(said)
        other()
        with connected(server.target) as client:
            assert client.version().compatible


def test_a_call_that_is_begun_and_left_alone_is_in_nobody_s_way(
    server: ServingThread, other: Callable[[], None]
) -> None:
    with raw_client(server.port) as client:
        client.call(STREAM_PIPELINE)
        client.call(STREAM_PIPELINE, frame(init(ECHO))[:7])
        client.call(GET_VERSION)
        other()
        finished = client.call(GET_VERSION, frame(make("VersionRequest")), end=True)
        assert client.status(finished) == 0


def test_frames_of_a_kind_that_is_not_known_are_ignored(server: ServingThread) -> None:
    unknown = (
        h2_frame(0x42, 0xFF, 0, b"new")
        + h2_frame(0x0A, 0, 0, b"\0\0alt")
        + h2_frame(0x42, 0, 1, b"")
    )
    with raw_client(server.port) as client:
        client.socket.sendall(unknown)
        stream = client.call(STREAM_PIPELINE, frame(init(ECHO)))
        client.socket.sendall(unknown)
        client.send(stream, frame(chunk(json_buffer(1), 1)) + frame(control("CLOSE")))
        responses = client.read_to_end(stream)
    assert responses[-1].HasField("closed")


def test_a_large_message_may_come_right_behind_the_acknowledgement_of_the_settings(
    server: ServingThread,
) -> None:
    padding = make("VersionRequest", client_version="v1 " + "x" * 100_000)
    with raw_client(server.port) as client:
        # In one segment: what clients send that have waited for the settings.
        whole = frame(padding)
        stream = client.connection.get_next_available_stream_id()
        assert client.connection.max_outbound_frame_size > 100_000
        client.connection.send_headers(stream, client.headers(GET_VERSION))
        client.connection.send_data(stream, whole[:60_000])
        client.flush()
        client.send(stream, whole[60_000:])
        client.end(stream)
        assert client.status(stream) == 0


def test_a_flood_of_streams_that_are_reset_at_once_ends_nobody_else(
    server: ServingThread, other: Callable[[], None]
) -> None:
    with raw_client(server.port) as client:
        try:
            for _ in range(3000):
                stream = client.call(STREAM_PIPELINE, frame(init(ECHO)))
                client.connection.reset_stream(stream)
                client.flush()
        except (EOFError, OSError):
            pass  # it may as well be thrown out
    other()


def test_header_lists_beyond_all_bounds_are_refused(
    server: ServingThread, other: Callable[[], None]
) -> None:
    with raw_client(server.port) as client, pytest.raises((EOFError, OSError)):
        client.call(GET_VERSION, end=True, **{f"x-{n}": "y" * 1000 for n in range(500)})
        client.read_until(lambda: False)
    other()


@pytest.mark.parametrize(
    ("headers", "http_status"),
    [
        ({"content_type": "text/html"}, "415"),
        ({"content_type": "application/grpc+json"}, "415"),
    ],
)
def test_calls_that_are_no_grpc_are_refused(
    server: ServingThread, headers: dict[str, str], http_status: str
) -> None:
    with raw_client(server.port) as client:
        stream = client.call(GET_VERSION, end=True, **headers)
        client.read_until(lambda: stream in client.trailers)
        assert client.trailers[stream][":status"] == http_status


def test_an_rpc_that_is_not_there_is_unimplemented(client: Client) -> None:
    for path in ("/remotemedia.v1.PipelineControl/Detach", "/nowhere/Nothing", "/"):
        with pytest.raises(grpc.RpcError) as caught:
            client.unary(path, make("VersionRequest"), "VersionResponse")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


BAD_MESSAGES = {
    "malformed": (frame(b"\xff\xff\xff"), grpc.StatusCode.INVALID_ARGUMENT, "not a message"),
    "truncated": (frame(b"\x0a\x05hello")[:-2], grpc.StatusCode.INVALID_ARGUMENT, "middle"),
    "half a header": (b"\0\0", grpc.StatusCode.INVALID_ARGUMENT, "middle"),
    "compressed": (
        frame(b"\x0a\x02v1", compressed=True),
        grpc.StatusCode.UNIMPLEMENTED,
        "compressed",
    ),
    "too long": (
        b"\0\xff\xff\xff\xff",
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "limits.max_message_bytes",
    ),
}


@pytest.mark.parametrize("name", BAD_MESSAGES)
@pytest.mark.parametrize("path", [GET_VERSION, STREAM_PIPELINE])
def test_a_message_that_cannot_be_read_ends_its_call_with_a_status(
    server: ServingThread, name: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    body, status, said = BAD_MESSAGES[name]
    with raw_client(server.port) as client:
        stream = client.call(path, body, end=True)
        assert client.status(stream) == status.value[0]
        assert said in client.trailers[stream]["grpc-message"].replace("%20", " ")
        # The connection lives on.
        after = client.call(GET_VERSION, frame(make("VersionRequest")), end=True)
        assert client.status(after) == 0
    assert caplog.records == []


def test_a_message_that_cannot_be_read_ends_a_running_session(server: ServingThread) -> None:
    with raw_client(server.port) as client:
        manifest = pipeline({"a": "PassThrough"}, places={"a": "multiprocess"})
        stream = client.call(STREAM_PIPELINE, frame(init(manifest)), frame(b"\xff\xff\xff"))
        assert client.status(stream) == grpc.StatusCode.INVALID_ARGUMENT.value[0]


def test_a_unary_call_without_a_message_is_invalid(server: ServingThread) -> None:
    with raw_client(server.port) as client:
        stream = client.call(GET_VERSION, end=True)
        assert client.status(stream) == grpc.StatusCode.INVALID_ARGUMENT.value[0]


def test_padding_costs_the_client_s_window_and_nothing_else(server: ServingThread) -> None:
    with raw_client(server.port) as client:
        stream = client.call(STREAM_PIPELINE, frame(init(ECHO)))
        for n in range(300):
            client.send(stream, frame(chunk(json_buffer(n), n)), pad=255)
        client.end(stream)
        responses = client.read_to_end(stream)
    results = [each.result.sequence for each in responses if each.HasField("result")]
    assert results == list(range(300))


def test_a_message_may_come_byte_by_byte(server: ServingThread) -> None:
    with raw_client(server.port) as client:
        stream = client.call(STREAM_PIPELINE)
        for byte in frame(init(ECHO)) + frame(chunk(json_buffer(5), 5)) + frame(control("CLOSE")):
            client.send(stream, bytes([byte]))
        responses = client.read_to_end(stream)
    assert responses[-1].HasField("closed")
    assert any(each.HasField("result") for each in responses)


@pytest.mark.parametrize("seed", range(5))
def test_bytes_may_be_cut_anywhere(server: ServingThread, seed: int) -> None:
    chance = random.Random(seed)
    sizes = [chance.choice([1, 600, 20_000, 90_000]) for _ in range(40)]
    with raw_client(server.port) as client:
        connection = client.connection
        streams = [client.call(STREAM_PIPELINE, frame(init(ECHO))) for _ in range(2)]
        for sequence, size in enumerate(sizes):
            for stream in streams:
                body = memoryview(frame(chunk(numpy_buffer(size), sequence)))
                for start in range(0, len(body), step := chance.choice([7000, 100_000])):
                    pad = chance.choice([None, None, 0, 200])
                    connection.send_data(stream, body[start : start + step], pad_length=pad)
                    connection.ping(b"12345678")
                    connection.increment_flow_control_window(1 + sequence, stream)
        waiting = memoryview(connection.data_to_send())
        while waiting:
            count = chance.choice([1, 8, 9, 10, 1000, 65_536, 300_000])
            client.socket.sendall(waiting[:count])
            waiting = waiting[count:]
        for stream in streams:
            client.end(stream)
        results = [
            [each.result for each in client.read_to_end(stream) if each.HasField("result")]
            for stream in streams
        ]
    for each in results:
        assert [result.sequence for result in each] == list(range(40))
        assert [len(result.data_outputs["a"].numpy.data) for result in each] == sizes


def test_a_client_that_sends_more_than_its_window_ends_its_own_connection_only(
    server: ServingThread, other: Callable[[], None]
) -> None:
    never = pipeline({"a": ("Silent", {"seconds": 60})})
    with raw_client(server.port) as client:
        stream = client.call(STREAM_PIPELINE, frame(init(never)))
        piece = h2_frame(0, 0, stream, frame(chunk(numpy_buffer(2**16), 1)))
        with pytest.raises((EOFError, OSError)):
            for _ in range(2**7):
                client.socket.sendall(piece)
            client.read_to_end(stream)
    other()


def test_data_of_a_call_that_has_ended_is_nobody_s(server: ServingThread) -> None:
    with raw_client(server.port) as client:
        refused = client.call(STREAM_PIPELINE, frame(chunk(json_buffer(1), 1)))
        client.read_until(lambda: refused in client.trailers)
        client.socket.sendall(h2_frame(0, 0, refused, b"\0" * 2**16) * 100)
        stream = client.call(STREAM_PIPELINE, frame(init(ECHO)), frame(chunk(json_buffer(1), 1)))
        client.end(stream)
        responses = client.read_to_end(stream)
    assert [each.result.sequence for each in responses if each.HasField("result")] == [1]


def test_a_client_that_no_longer_answers_is_given_up(serve: Serve) -> None:
    settings = ServerSettings(keepalive_secs=1, keepalive_timeout_secs=2)
    server = serve(RuntimeConfig(server=settings))
    manifest = pipeline({"a": "PassThrough"}, places={"a": "multiprocess"})
    with raw_client(server.port) as client:
        stream = client.call(STREAM_PIPELINE, frame(init(manifest)))
        client.read_until(lambda: any(each.HasField("ready") for each in client.responses(stream)))
        read_to_end(client.socket)  # and answer no ping
        server.settle()


def test_a_client_that_answers_is_kept(serve: Serve) -> None:
    settings = ServerSettings(keepalive_secs=1, keepalive_timeout_secs=10)
    server = serve(RuntimeConfig(server=settings))
    with raw_client(server.port) as client:
        stream = client.call(STREAM_PIPELINE, frame(init(ECHO)))
        client.read_until(lambda: client.pings >= 2)
        client.send(stream, frame(control("CLOSE")))
        assert client.read_to_end(stream)[-1].HasField("closed")
