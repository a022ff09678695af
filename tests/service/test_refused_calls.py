"""One call that is refused, or is no call at all: its own status, and all others go on."""

import base64
from collections.abc import Callable, Iterator

import grpc
import pytest

from tests.service.messages import chunk, control, init, json_buffer, make, pipeline
from tests.service.raw_client import GET_VERSION, STREAM_PIPELINE, RawClient, frame, raw_client
from tests.service.serving import ServingThread

ECHO = pipeline({"a": "PassThrough"})
HEALTH_CHECK = "/grpc.health.v1.Health/Check"
VERSION = frame(make("VersionRequest"))

INVALID = grpc.StatusCode.INVALID_ARGUMENT
LATE = grpc.StatusCode.DEADLINE_EXCEEDED
UNKNOWN_RPC = grpc.StatusCode.UNIMPLEMENTED
OK = grpc.StatusCode.OK

HEADERS: dict[str, tuple[dict[str, str], grpc.StatusCode, str]] = {
    "an unused header that is not ASCII": ({"x-city": "São Paulo"}, OK, ""),
    "a binary header": ({"x-trace-bin": base64.b64encode(b"\xff\0trace").decode()}, OK, ""),
    "a binary header without its padding": ({"x-trace-bin": "/wA"}, OK, ""),
    "two binary values in one header": ({"x-trace-bin": "AAAA, /wA="}, OK, ""),
    "an empty binary header": ({"x-trace-bin": ""}, OK, ""),
    "a binary header that is no base64": ({"x-trace-bin": "***"}, INVALID, "x-trace-bin"),
    "a binary header of a wrong length": ({"x-trace-bin": "AAAAA"}, INVALID, "x-trace-bin"),
    "a binary header that is not ASCII": ({"x-trace-bin": "é"}, INVALID, "x-trace-bin"),
    "a path that is not ASCII": ({":path": "/é"}, INVALID, ":path"),
    "a path that is none": ({":path": "*"}, UNKNOWN_RPC, "no such rpc"),
    "an empty path": ({":path": ""}, UNKNOWN_RPC, "no such rpc"),
    "another rpc": ({":path": "/remotemedia.v1.Other/Call"}, UNKNOWN_RPC, "no such rpc"),
    "a timeout in words": ({"grpc-timeout": "soon"}, INVALID, "grpc-timeout is 'soon'"),
    "a timeout without a unit": ({"grpc-timeout": "10"}, INVALID, "grpc-timeout"),
    "a timeout of an unknown unit": ({"grpc-timeout": "10s"}, INVALID, "grpc-timeout"),
    "a timeout of too many digits": ({"grpc-timeout": "123456789S"}, INVALID, "grpc-timeout"),
    "a negative timeout": ({"grpc-timeout": "-1S"}, INVALID, "grpc-timeout"),
    "a timeout in other digits": ({"grpc-timeout": "\u0661S"}, INVALID, "grpc-timeout"),
    "the shortest timeout": ({"grpc-timeout": "1n"}, LATE, "deadline"),
    "no time at all": ({"grpc-timeout": "0S"}, LATE, "deadline"),
    "the longest timeout": ({"grpc-timeout": "99999999H"}, OK, ""),
}
MALFORMED: dict[str, list[tuple[str, str]]] = {
    "a length that is no number": [("content-length", "many")],
    "a length of the wrong size": [("content-length", "1")],
    "lengths that differ": [("content-length", "5"), ("content-length", "6")],
}
NO_GRPC: dict[str, tuple[dict[str, str], str]] = {
    "another method": ({":method": "GET"}, "405"),
    "another content type": ({"content-type": "text/html"}, "415"),
    "another codec": ({"content-type": "application/grpc+json"}, "415"),
    "no trailers": ({"te": "gzip"}, "400"),
}


@pytest.fixture
def client(server: ServingThread) -> Iterator[RawClient]:
    """A client that may send any headers."""
    with raw_client(server.port) as connected:
        connected.connection.config.validate_outbound_headers = False
        connected.connection.config.normalize_outbound_headers = False
        yield connected


@pytest.fixture
def other(client: RawClient) -> Iterator[Callable[[], None]]:
    """Another stream of the same connection; a check that it still runs."""
    stream = client.call(STREAM_PIPELINE, frame(init(ECHO)))
    sequences = iter(range(1000))

    def results() -> list[int]:
        responses = client.responses(stream)
        return [each.result.sequence for each in responses if each.HasField("result")]

    def check() -> None:
        sequence = next(sequences)
        client.send(stream, frame(chunk(json_buffer(sequence), sequence)))
        client.read_until(lambda: sequence in results())

    check()
    yield check
    check()
    client.send(stream, frame(control("CLOSE")))
    assert client.read_to_end(stream)[-1].HasField("closed")


def call(client: RawClient, headers: dict[str, str], *bodies: bytes) -> int:
    """Start a call whose headers are these beside, or in place of, the usual ones."""
    stream = client.connection.get_next_available_stream_id()
    path = headers.get(":path", GET_VERSION)
    usual = {**dict(client.headers(path)), **headers}
    client.connection.send_headers(stream, list(usual.items()))
    for body in bodies:
        client.send(stream, body)
    client.end(stream)
    return stream


def message_of(client: RawClient, stream: int) -> str:
    return client.trailers[stream].get("grpc-message", "").replace("%20", " ")


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_costs_its_own_call_at_most(
    client: RawClient, other: Callable[[], None], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    headers, status, said = HEADERS[name]
    stream = call(client, headers, VERSION)
    assert client.status(stream) == status.value[0], client.trailers[stream]
    assert said in message_of(client, stream)
    other()
    assert caplog.records == []


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_reset_alone(
    client: RawClient, other: Callable[[], None], name: str
) -> None:
    stream = client.connection.get_next_available_stream_id()
    headers = [*client.headers(GET_VERSION), *MALFORMED[name]]
    client.connection.send_headers(stream, headers)
    client.connection.send_data(stream, VERSION, end_stream=True)
    client.flush()
    client.read_until(lambda: client.resets)
    assert client.resets == {stream}
    other()


@pytest.mark.parametrize("name", NO_GRPC)
def test_a_request_that_is_no_grpc_has_an_http_status(
    client: RawClient, other: Callable[[], None], name: str
) -> None:
    headers, http_status = NO_GRPC[name]
    stream = client.connection.get_next_available_stream_id()
    usual = {**dict(client.headers(GET_VERSION)), **headers}
    client.connection.send_headers(stream, list(usual.items()), end_stream=True)
    client.flush()
    client.read_until(lambda: stream in client.trailers)
    assert client.trailers[stream][":status"] == http_status
    other()


def test_a_path_that_occurs_twice_is_refused(client: RawClient, other: Callable[[], None]) -> None:
    stream = client.connection.get_next_available_stream_id()
    headers = [*client.headers(GET_VERSION), (":path", STREAM_PIPELINE)]
    client.connection.send_headers(stream, headers, end_stream=True)
    client.flush()
    client.read_until(lambda: stream in client.trailers)
    assert client.trailers[stream][":status"] == "400"
    other()


def test_calls_beyond_the_limit_are_refused_alone(
    client: RawClient, other: Callable[[], None]
) -> None:
    connection = client.connection
    # A client that does not care for the server's limit.
    connection.remote_settings.max_concurrent_streams = 5000
    connection.remote_settings.acknowledge()
    streams = []
    for _ in range(1005):
        streams.append(connection.get_next_available_stream_id())
        connection.send_headers(streams[-1], client.headers(GET_VERSION))
    client.flush()  # at once, so that the server reads many calls together
    for refused in streams[-6:]:
        assert client.status(refused) == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
        assert "more than 1000 calls" in message_of(client, refused)
    other()
    assert not client.trailers.keys() & set(streams[:-6])
    for stream in streams[:-6]:
        connection.reset_stream(stream)
    client.flush()


def test_a_deadline_that_passes_ends_a_stream_and_its_session(
    client: RawClient, server: ServingThread, other: Callable[[], None]
) -> None:
    stream = client.call(STREAM_PIPELINE, frame(init(ECHO)), grpc_timeout="300m")
    assert client.status(stream) == LATE.value[0]
    assert "0.3 s" in message_of(client, stream)
    other()


def test_a_long_error_does_not_fill_the_trailers(client: RawClient) -> None:
    """Clients accept 8 KiB of trailers, and a character may take twelve bytes there."""
    request = make("grpc.health.v1.HealthCheckRequest", service="水" * 10_000)
    stream = client.call(HEALTH_CHECK, frame(request), end=True)
    assert client.status(stream) == grpc.StatusCode.NOT_FOUND.value[0]
    size = sum(len(name) + len(value) + 32 for name, value in client.trailers[stream].items())
    assert size < 8192
    assert "characters cut" in message_of(client, stream)
