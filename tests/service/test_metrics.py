"""StreamMetrics: after every tenth chunk, with real figures."""

from typing import Any

import numpy as np
import pytest

from tests.service.grpcio_client import Client
from tests.service.messages import (
    audio_buffer,
    chunk,
    control,
    json_buffer,
    named_chunk,
    pipeline,
    text_buffer,
)

PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])


def numbers(count: int) -> list[Any]:
    return [chunk(json_buffer(n), sequence=n) for n in range(count)]


@PLACES
def test_figures_come_after_every_tenth_chunk(client: Client, place: str) -> None:
    manifest = pipeline({"a": ("Slow", {"seconds": 0.002})}, places={"a": place})
    with client.pipeline(manifest, *numbers(35), control("CLOSE")) as stream:
        rest = stream.rest()
    metrics = rest.of("metrics")
    assert [each.chunks_processed for each in metrics] == [10, 20, 30]
    assert [each.total_items for each in metrics] == [10, 20, 30]
    # Each behind the results of its chunks.
    places = [index for index, kind in enumerate(rest.kinds) if kind == "metrics"]
    for count, index in zip((10, 20, 30), places, strict=True):
        assert rest.kinds[:index].count("result") >= count
    assert all(each.average_latency_ms >= 2 for each in metrics)
    assert all(each.peak_memory_bytes > 10_000_000 for each in metrics)


def test_fewer_than_ten_chunks_have_no_figures(client: Client) -> None:
    with client.pipeline(pipeline({"a": "PassThrough"}), *numbers(9), control("CLOSE")) as stream:
        assert "metrics" not in stream.rest().kinds


def test_kinds_are_counted(client: Client) -> None:
    buffers = [json_buffer(1), text_buffer("x"), audio_buffer(np.zeros(4, np.float32))]
    chunks = [chunk(buffers[n % 3], n) for n in range(9)]
    pair = named_chunk({"left": text_buffer("l"), "right": json_buffer(2)}, 9)
    with client.pipeline(pipeline({"a": "PassThrough"}), *chunks, pair, control("CLOSE")) as stream:
        rest = stream.rest()
    (metrics,) = rest.of("metrics")
    kinds = {"json": 4, "text": 4, "audio": 3}
    assert dict(metrics.data_type_breakdown) == kinds
    assert (metrics.chunks_processed, metrics.total_items) == (10, 11)
    assert dict(rest.closed.final_metrics.data_type_breakdown) == kinds


def test_figures_of_chunks_without_results_come_while_the_stream_runs(client: Client) -> None:
    with client.pipeline(pipeline({"a": "Sum"}), *numbers(10)) as stream:
        stream.wait_ready()
        assert stream.next().metrics.chunks_processed == 10


def test_what_waits_is_told(client: Client) -> None:
    manifest = pipeline(
        {"a": "CountUp", "b": ("Slow", {"seconds": 0.01})}, ["a > b"], channel_capacity=100
    )
    chunks = [chunk(json_buffer(1), n) for n in range(9)]
    with client.pipeline(manifest, *chunks, chunk(json_buffer(60), 9)) as stream:
        stream.end()
        (metrics,) = stream.rest().of("metrics")
    assert metrics.buffer_items > 0
    assert metrics.chunks_dropped == 0


@PLACES
def test_what_was_dropped_is_told(client: Client, place: str) -> None:
    manifest = pipeline(
        {"a": ("Slow", {"seconds": 0.02})},
        places={"a": place},
        channel_capacity=2,
        enable_backpressure=False,
    )
    with client.pipeline(manifest, *numbers(40), control("CLOSE")) as stream:
        rest = stream.rest()
    assert len(rest.results) < 40
    assert rest.of("metrics")[-1].chunks_dropped > 0


def test_the_closing_figures_are_those_of_every_node(client: Client) -> None:
    manifest = pipeline(
        {"a": "PassThrough", "b": ("Burn", {"seconds": 0.01})},
        ["a > b"],
        places={"b": "multiprocess"},
    )
    with client.pipeline(manifest, *numbers(12), control("CLOSE")) as stream:
        metrics = stream.rest().closed.final_metrics
    assert {node: each.items_processed for node, each in metrics.node_metrics.items()} == {
        "a": 12,
        "b": 12,
    }
    assert metrics.node_metrics["b"].execution_time_ms >= 120
    assert metrics.cpu_time_ms >= 120
    assert metrics.wall_time_ms >= 120
    assert metrics.memory_used_bytes > metrics.node_metrics["b"].memory_bytes > 0
