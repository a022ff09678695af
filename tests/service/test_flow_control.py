"""Clients that do not read: their pipelines stop, and nobody else's."""

import json
import socket
from typing import Any

import numpy as np
import pytest

from tests.service.grpcio_client import Client
from tests.service.messages import (
    chunk,
    control,
    init,
    json_buffer,
    make,
    numpy_buffer,
    pipeline,
)
from tests.service.raw_client import STREAM_PIPELINE, RawClient, frame, raw_client
from tests.service.serving import ServingThread

MIB = 1024 * 1024
CHUNK = 256 * 1024
# What may be under way of a stream that nobody reads: two windows, and some items on each link.
BOUND = 24 * MIB


def round_trip(client: RawClient, stream: int, sequence: int) -> None:
    """Let another stream of the same connection answer."""
    client.send(stream, frame(chunk(json_buffer(sequence), sequence)))
    client.read_until(lambda: sequence in sequences(client, stream))


def sequences(client: RawClient, stream: int) -> list[int]:
    responses = client.responses(stream)
    return [each.result.sequence for each in responses if each.HasField("result")]


def fill(client: RawClient, streams: list[int], bodies: memoryview, barrier: int) -> dict[int, int]:
    """Send until the server takes no more of any of the streams; return how much it took."""
    sent = dict.fromkeys(streams, 0)
    sequence, progress = 0, True
    while progress:
        progress = False
        for stream in streams:
            count = client.send_allowed(stream, bodies[sent[stream] :])
            sent[stream] += count
            progress = progress or count > 0
        for _ in range(3):
            sequence += 1
            round_trip(client, barrier, sequence)
    return sent


@pytest.mark.parametrize("place", ["native", "multiprocess"])
def test_streams_that_are_not_read_stop_and_hold_up_no_other(
    server: ServingThread, place: str
) -> None:
    count = 160
    bodies = memoryview(b"".join(frame(chunk(numpy_buffer(CHUNK), n)) for n in range(count)))
    manifest = pipeline({"a": "PassThrough"}, places={"a": place}, channel_capacity=4)
    with raw_client(server.port) as client:
        stalled = [client.call(STREAM_PIPELINE, frame(init(manifest))) for _ in range(2)]
        for stream in stalled:
            client.pause(stream)
        barrier = client.call(STREAM_PIPELINE, frame(init(pipeline({"a": "PassThrough"}))))
        sent = fill(client, stalled, bodies, barrier)
        assert all(0 < each < BOUND for each in sent.values()), sent
        # Read again, and all is there, in order.
        first = stalled[0]
        client.resume(first)
        client.send(first, bodies[sent[first] :])
        client.end(first)
        client.read_until(lambda: first in client.trailers)
        assert sequences(client, first) == list(range(count))


def test_a_source_that_runs_away_is_stopped_by_a_client_that_does_not_read(
    server: ServingThread,
) -> None:
    # Ten thousand results of one chunk: they wait where they are made.
    manifest = pipeline({"a": "CountUp", "b": "PassThrough"}, ["a > b"], channel_capacity=4)
    with raw_client(server.port) as client:
        stream = client.call(STREAM_PIPELINE, frame(init(manifest)))
        client.pause(stream)
        client.send(stream, frame(chunk(json_buffer(10_000), 1)))
        barrier = client.call(STREAM_PIPELINE, frame(init(pipeline({"a": "PassThrough"}))))
        for sequence in range(20):
            round_trip(client, barrier, sequence)
        arrived = len(sequences(client, stream))
        assert arrived < 10_000
        client.resume(stream)
        client.send(stream, frame(control("CLOSE")))
        *results, closed = [
            each for each in client.read_to_end(stream) if each.WhichOneof("response") != "metrics"
        ]
    values = [
        json.loads(each.result.data_outputs["b"].json.json_payload)
        for each in results
        if each.HasField("result")
    ]
    assert values == list(range(10_000))
    assert closed.HasField("closed")


def test_a_client_that_never_reads_may_still_leave(server: ServingThread) -> None:
    manifest = pipeline({"a": "CountUp"}, places={"a": "multiprocess"})
    with raw_client(server.port) as client:
        stream = client.call(STREAM_PIPELINE, frame(init(manifest)))
        client.pause(stream)
        client.send(stream, frame(chunk(json_buffer(100_000), 1)))
        client.read_until(lambda: client.connection.remote_flow_control_window(stream) == 0)


def test_a_busy_session_lets_others_through(client: Client) -> None:
    busy: Any = pipeline({"a": ("Burn", {"seconds": 0.05})}, places={"a": "multiprocess"})
    with client.pipeline(busy) as burning:
        burning.wait_ready()
        burning.send(*(chunk(json_buffer(n), n) for n in range(5)), control("CLOSE"))
        with client.pipeline(pipeline({"a": "PassThrough"})) as quick:
            quick.wait_ready()
            for n in range(50):
                quick.send(chunk(json_buffer(n), n))
                assert quick.results(1)[0].sequence == n
        assert burning.rest().sequences == list(range(5))


@pytest.mark.parametrize("size", [40_000, 200_000])
def test_results_of_which_the_socket_takes_a_part_arrive_bit_for_bit(
    server: ServingThread, size: int
) -> None:
    count = 12 * MIB // size  # more than the socket holds: it is read only for more window
    values = np.random.default_rng(1)
    payloads = [values.bytes(size) for _ in range(count)]
    with raw_client(server.port, window=64 * MIB) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        stream = client.call(STREAM_PIPELINE, frame(init(pipeline({"a": "PassThrough"}))))
        for sequence, payload in enumerate(payloads):
            numpy = make("NumpyBuffer", data=payload, shape=[size], dtype="uint8")
            client.send(stream, frame(chunk(make("DataBuffer", numpy=numpy), sequence)))
        client.end(stream)
        results = [each.result for each in client.read_to_end(stream) if each.HasField("result")]
    assert [each.data_outputs["a"].numpy.data for each in results] == payloads
