"""Connections end, and calls with them, whatever their clients have left unread."""

import gc
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
import trio
import trio.testing
from grpclib.protocol import Stream

from runtime import RuntimeConfig
from runtime.config import Server as ServerSettings
from runtime.service import open_server
from tests.conftest import OpenRuntime
from tests.service.conftest import Serve
from tests.service.messages import chunk, control, init, json_buffer, make, numpy_buffer, pipeline
from tests.service.raw_client import (
    GET_VERSION,
    SECONDS,
    STREAM_PIPELINE,
    RawClient,
    frame,
    raw_client,
)
from tests.service.serving import ServingThread, serving
from tests.service.test_strange_connections import PREFACE, SETTINGS, h2_frame

ECHO = pipeline({"a": "PassThrough"})
WINDOW = 2**31 - 1


# Made before any connection, so that the server has no reason to give one up meanwhile.
BODY = frame(init(ECHO)) + frame(chunk(numpy_buffer(3_500_000), 1))


@contextmanager
def client_that_does_not_read(port: int) -> Iterator[socket.socket]:
    """Connect, and let the server have more to say than the kernel takes."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sock.settimeout(SECONDS)
        sock.connect(("127.0.0.1", port))
        client = RawClient(sock, window=WINDOW)
        client.read_until(lambda: client.connection.max_outbound_frame_size > 2**14, answer=False)
        for _ in range(4):
            client.call(STREAM_PIPELINE, BODY)
        client.read_until(lambda: client.received(1) > 100_000)  # the first result has begun
        yield sock


def test_a_client_that_neither_reads_nor_answers_is_given_up(serve: Serve) -> None:
    settings = ServerSettings(keepalive_secs=1, keepalive_timeout_secs=5)
    server = serve(RuntimeConfig(server=settings))
    with client_that_does_not_read(server.port):
        server.settle()


def test_a_client_that_does_not_read_and_says_no_more_is_given_up(server: ServingThread) -> None:
    with client_that_does_not_read(server.port) as sock:
        sock.shutdown(socket.SHUT_WR)
        server.settle(clients=1)


def test_a_server_goes_down_though_a_client_does_not_read(
    runtime_with: OpenRuntime,
) -> None:
    with (
        serving(runtime_with, RuntimeConfig(), {}) as server,
        client_that_does_not_read(server.port),
    ):
        server.stop()
        server.wait_ended()
        own = psutil.Process().net_connections()
        assert not [each for each in own if each.laddr.port == server.port]


def test_a_client_that_asks_and_reads_no_answers_is_thrown_out(server: ServingThread) -> None:
    pings = h2_frame(6, 0, 0, b"question") * 10_000
    with client_that_does_not_read(server.port) as sock, pytest.raises(ConnectionError):
        while True:
            sock.sendall(pings)


def test_a_call_that_is_reset_in_the_breath_that_begins_it_leaves_nothing(
    server: ServingThread,
) -> None:
    gc.collect()
    before = streams()
    with raw_client(server.port) as client:
        connection = client.connection
        for _ in range(100):
            stream = connection.get_next_available_stream_id()
            connection.send_headers(stream, client.headers(STREAM_PIPELINE))
            connection.send_data(stream, bytes(10_000))
            connection.reset_stream(stream)
            client.flush()
        for _ in range(20):  # grpclib forgets what has ended at every tenth call
            last = client.call(GET_VERSION, frame(make("VersionRequest")), end=True)
            assert client.status(last) == 0
        server.settle(clients=2)
        gc.collect()
        assert streams() < before + 20


def streams() -> int:
    return sum(isinstance(each, Stream) for each in gc.get_objects())


async def test_a_server_that_is_cancelled_still_hears_its_clients(
    runtime_with: OpenRuntime,
) -> None:
    ready = threading.Event()

    def talk(port: int) -> None:
        with raw_client(port) as client:
            ready.set()
            with pytest.raises(EOFError, match="GOAWAY"):
                client.read_until(lambda: False)
            # Whoever closes a connection with unread bytes resets it.
            client.socket.sendall(h2_frame(6, 0, 0, b"question") * 1000)
            client.socket.shutdown(socket.SHUT_WR)
            while client.socket.recv(65536):
                pass

    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            environment = {"GRPC_BIND_ADDRESS": "127.0.0.1:0"}
            async with (
                runtime_with(RuntimeConfig()) as runtime,
                open_server(runtime, environment=environment) as server,
            ):
                nursery.start_soon(trio.to_thread.run_sync, talk, server.address.port)
                await trio.to_thread.run_sync(ready.wait)
                scope.cancel()
                await trio.sleep_forever()


def test_a_client_that_says_goodbye_still_gets_the_end_of_its_calls(server: ServingThread) -> None:
    with raw_client(server.port) as client:
        streams = [client.call(STREAM_PIPELINE, frame(init(ECHO))) for _ in range(2)]
        client.read_until(lambda: all(client.responses(each) for each in streams))
        client.socket.sendall(h2_frame(7, 0, 0, bytes(8)))
        for stream in streams:
            client.send(stream, frame(chunk(json_buffer(1), 1)) + frame(control("CLOSE")))
            assert client.read_to_end(stream)[-1].HasField("closed")
        with pytest.raises(EOFError, match="closed"):
            client.read_until(lambda: False)


class ClosesInTheLastMoment(trio.abc.Instrument):
    """Closes a connection when its bytes are there; its descriptor goes to another socket."""

    def __init__(self, other: socket.socket) -> None:
        self.descriptor: int | None = None
        self._other = other

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.descriptor is None and task.name.endswith("Http2Connection._read"):
            frame = task.coro.cr_frame
            assert frame is not None
            transport = frame.f_locals["transport"]
            self.descriptor = transport.get_extra_info("socket").fileno()
            transport.abort()
            transport._sock.close()
            os.dup2(self._other.fileno(), self.descriptor)


async def test_a_connection_that_closes_as_bytes_come_takes_nobody_else_s(
    runtime_with: OpenRuntime,
) -> None:
    environment = {"GRPC_BIND_ADDRESS": "127.0.0.1:0"}
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"not for the server")
        mischief = ClosesInTheLastMoment(ours)
        async with (
            runtime_with(RuntimeConfig()) as runtime,
            open_server(runtime, environment=environment) as server,
            await trio.open_tcp_stream("127.0.0.1", server.address.port) as client,
        ):
            await client.send_all(PREFACE + SETTINGS)
            await trio.testing.wait_all_tasks_blocked(0.01)
            trio.lowlevel.add_instrument(mischief)
            await client.send_all(h2_frame(6, 0, 0, b"question"))
            await trio.testing.wait_all_tasks_blocked(0.01)
            trio.lowlevel.remove_instrument(mischief)
        assert mischief.descriptor is not None
        os.close(mischief.descriptor)
        ours.setblocking(False)
        assert ours.recv(100) == b"not for the server"
