"""Links without backpressure: a slow reader loses its own items, and its losses are reported."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.grpcio_client import Client, Rest, Stream
from tests.service.messages import chunk, control, json_buffer, pipeline

CAPACITY = 4
COUNT = 50
NATIVE, CHILD = "native", "multiprocess"
FAN_OUTS = {
    "native to native": (NATIVE, NATIVE, NATIVE),
    "native to children": (NATIVE, CHILD, CHILD),
    "native to a slow child": (NATIVE, CHILD, NATIVE),
    "native to a slow native node": (NATIVE, NATIVE, CHILD),
    "child to children": (CHILD, CHILD, CHILD),
    "child to a slow child": (CHILD, CHILD, NATIVE),
    "child to a slow native node": (CHILD, NATIVE, CHILD),
    "child to native": (CHILD, NATIVE, NATIVE),
}


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def of_node(message: Any, node: str) -> dict[str, Any]:
    """Return what the final metrics tell of a node beside their own fields."""
    metrics: dict[str, Any] = json.loads(message.node_metrics[node].custom_metrics)
    return metrics


def drops(rest: Rest) -> dict[str, dict[str, int]]:
    """Return what the final metrics tell of drops: by reader, then by producer."""
    final = rest.closed.final_metrics
    found = {node: of_node(final, node).get("dropped_from", {}) for node in final.node_metrics}
    assert {node: sum(links.values()) for node, links in found.items()} == {
        node: of_node(final, node)["dropped"] for node in final.node_metrics
    }
    return {node: links for node, links in found.items() if links}


def next_of(stream: Stream, node: str) -> int:
    """Return the sequence of the next result of a node."""
    while True:
        message = stream.next()
        if message.WhichOneof("response") == "result" and node in message.result.data_outputs:
            return int(message.result.sequence)


def chunks(begin: int, end: int, node: str) -> Iterator[Any]:
    return (chunk(json_buffer(n), n, node) for n in range(begin, end))


def check_rest_of_slow(rest: Rest, producer: str) -> None:
    """Check what a slow node gives that has its first item, and the newest of all others."""
    # It gives them so fast that its link to the client may be full in turn.
    lost_results = of_node(rest.closed.final_metrics, "slow").get("dropped_results", 0)
    assert rest.sequences == [0, *range(COUNT - CAPACITY, COUNT)][lost_results:]
    lost = COUNT - CAPACITY - 1
    assert drops(rest) == {"slow": {producer: lost}}
    assert rest.of("metrics")[-1].chunks_dropped == lost + lost_results


@pytest.mark.parametrize("places", FAN_OUTS.values(), ids=FAN_OUTS)
def test_a_slow_reader_of_a_fan_out_drops_its_own_items_only(
    client: Client, pipe: Path, places: tuple[str, str, str]
) -> None:
    manifest = pipeline(
        {"src": "PassThrough", "slow": ("Gated", {"path": str(pipe)}), "fast": "PassThrough"},
        ["src > slow", "src > fast"],
        places=dict(zip(("src", "slow", "fast"), places, strict=True)),
        channel_capacity=CAPACITY,
        enable_backpressure=False,
    )
    with client.pipeline(manifest) as stream:
        stream.wait_ready()
        for request in chunks(0, COUNT, "src"):
            stream.send(request)
            assert next_of(stream, "fast") == request.data_chunk.sequence
            if request.data_chunk.sequence == 0:
                gate = os.open(pipe, os.O_WRONLY)  # until the slow reader has its first item
        os.close(gate)
        stream.send(control("CLOSE"))
        rest = stream.rest()
    check_rest_of_slow(rest, "src")


@pytest.mark.parametrize("slow", [NATIVE, CHILD])
@pytest.mark.parametrize("fast", [NATIVE, CHILD])
def test_a_slow_source_node_drops_its_own_chunks_only(
    client: Client, pipe: Path, slow: str, fast: str
) -> None:
    manifest = pipeline(
        {"slow": ("Gated", {"path": str(pipe)}), "fast": "PassThrough"},
        places={"slow": slow, "fast": fast},
        channel_capacity=CAPACITY,
        enable_backpressure=False,
    )
    with client.pipeline(manifest) as stream:
        stream.wait_ready()
        for n in range(COUNT):
            stream.send(*chunks(n, n + 1, "slow"), *chunks(n, n + 1, "fast"))
            assert next_of(stream, "fast") == n
            if n == 0:
                gate = os.open(pipe, os.O_WRONLY)
        os.close(gate)
        stream.send(control("CLOSE"))
        rest = stream.rest()
    check_rest_of_slow(rest, "")


@pytest.mark.parametrize("place", [NATIVE, CHILD])
@pytest.mark.parametrize("end", ["CLOSE", "half-close"])
def test_a_stream_of_fewer_than_ten_chunks_reports_its_drops(
    client: Client, pipe: Path, place: str, end: str
) -> None:
    manifest = pipeline(
        {"a": ("Gated", {"path": str(pipe)}), "beside": "PassThrough"},
        places={"a": place},
        channel_capacity=1,
        enable_backpressure=False,
    )
    with client.pipeline(manifest, *chunks(0, 1, "a")) as stream:
        stream.wait_ready()
        gate = os.open(pipe, os.O_WRONLY)
        stream.send(*chunks(1, 5, "a"), *chunks(0, 1, "beside"))
        assert next_of(stream, "beside") == 0  # so that the chunks before it have arrived
        os.close(gate)
        if end == "CLOSE":
            stream.send(control("CLOSE"))
        stream.end()
        rest = stream.rest()
    assert rest.sequences in ([0, 4], [4])  # its link to the client may be full in turn
    (metrics,) = rest.of("metrics")
    assert (metrics.chunks_processed, metrics.chunks_dropped) == (6, 5 - len(rest.sequences))
    if end == "CLOSE":
        assert rest.kinds[-2:] == ["metrics", "closed"]
        assert drops(rest) == {"a": {"": 3}}


def test_drops_that_metrics_have_reported_are_not_reported_again(
    client: Client, pipe: Path
) -> None:
    manifest = pipeline(
        {"a": ("Gated", {"path": str(pipe)})},
        places={"a": NATIVE},
        channel_capacity=1,
        enable_backpressure=False,
    )
    with client.pipeline(manifest, *chunks(0, 1, "a")) as stream:
        stream.wait_ready()
        gate = os.open(pipe, os.O_WRONLY)
        stream.send(*chunks(1, 10, "a"))
        while stream.next().metrics.chunks_dropped != 8:
            pass
        os.close(gate)
        stream.send(control("CLOSE"))
        kinds = stream.rest().kinds
    assert kinds[-1] == "closed"
    assert "metrics" not in kinds


def test_results_that_the_client_does_not_read_are_dropped_at_its_link(client: Client) -> None:
    manifest = pipeline(
        {"a": "CountUpList"}, places={"a": CHILD}, channel_capacity=2, enable_backpressure=False
    )
    request = chunk(json_buffer(10_000), 0)
    with client.pipeline(manifest, request, control("CLOSE")) as stream:
        rest = stream.rest()
    values = rest.values("a")
    assert values[-1] == 9_999
    final = rest.closed.final_metrics
    assert drops(rest) == {}
    assert len(values) + of_node(final, "a")["dropped_results"] == 10_000
    assert rest.of("metrics")[-1].chunks_dropped == 10_000 - len(values) > 0
