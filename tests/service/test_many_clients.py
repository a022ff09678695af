"""Many clients at once, of several makers: each gets its own."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.wire import PipelineManifest
from tests.service.grpcio_client import SECONDS, Client, connected
from tests.service.grpclib_client import stream_audio
from tests.service.messages import audio_buffer, chunk, control, json_buffer, make, pipeline
from tests.service.serving import ServingThread

HERE = Path(__file__).parent
CHUNKS = 30
# Native and multiprocess nodes, and a fork whose branches are of both.
MIXED: Any = pipeline(
    {"a": "PassThrough", "b": "PassThrough", "c": "AudioOnly"},
    ["a > b", "b > c"],
    places={"a": "native", "b": "multiprocess", "c": "native"},
)
Streamed = tuple[list[int], list[float], str]
"""The sequences, the sum of each result's samples, and the kind of the last message."""

SUMS = [160.0 * n for n in range(CHUNKS)]


def by_grpcio(server: ServingThread, first: int) -> Streamed:
    buffers = [audio_buffer(np.full(160, n, np.float32)) for n in range(CHUNKS)]
    chunks = [chunk(buffer, first + n) for n, buffer in enumerate(buffers)]
    with (
        connected(server.target) as client,
        client.pipeline(MIXED, *chunks, control("CLOSE")) as stream,
    ):
        rest = stream.rest()
    sums = [
        float(np.frombuffer(each.data_outputs["c"].audio.samples, "<f4").sum())
        for each in rest.results
    ]
    return rest.sequences, sums, rest.kinds[-1]


def by_grpclib(server: ServingThread, first: int) -> Streamed:
    manifest = PipelineManifest.parse(MIXED.SerializeToString())
    responses = asyncio.run(stream_audio(server.port, manifest, "a", first=first, chunks=CHUNKS))
    results = [each.result for each in responses if each.result is not None]
    sums = []
    for each in results:
        audio = each.data_outputs["c"].audio
        assert audio is not None
        sums.append(float(np.frombuffer(audio.samples, "<f4").sum()))
    last = "closed" if responses[-1].closed is not None else "something else"
    return [each.sequence for each in results], sums, last


def by_node(server: ServingThread, first: int) -> Streamed:
    from google.protobuf import json_format

    manifest = json_format.MessageToDict(MIXED, preserving_proto_field_name=True)
    job = {"manifest": manifest, "node": "a", "first": first, "chunks": CHUNKS}
    command = ["node", str(HERE / "stream_audio.js"), server.target, str(PROTO)]
    result = subprocess.run(
        command,
        env=NODE_ENVIRONMENT,
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    seen = json.loads(result.stdout)
    assert (seen["status"], seen["error"]) == (0, None)
    return seen["sequences"], seen["sums"], seen["kinds"][-1]


NODE_ENVIRONMENT = {
    **os.environ,
    "NODE_PATH": str(HERE.parents[1] / "examples/node/node_modules"),
}
PROTO = HERE.parents[1] / "proto"
CLIENTS: dict[str, Callable[[ServingThread, int], Streamed]] = {
    "grpcio": by_grpcio,
    "grpclib": by_grpclib,
    "node": by_node,
}


def has_node_client() -> bool:
    """Whether Node is here, and finds the packages of examples/node."""
    if shutil.which("node") is None:
        return False
    looked = 'require.resolve("@grpc/grpc-js"), require.resolve("@grpc/proto-loader")'
    command = ["node", "-e", looked]
    return subprocess.run(command, env=NODE_ENVIRONMENT, capture_output=True).returncode == 0


needs_node = pytest.mark.skipif(
    not has_node_client(),
    reason="Node or its packages are missing: npm install --prefix examples/node",
)


@pytest.mark.parametrize("name", ["grpcio", "grpclib", pytest.param("node", marks=needs_node)])
def test_a_client_streams_audio_through_a_mixed_pipeline(server: ServingThread, name: str) -> None:
    sequences, sums, last = CLIENTS[name](server, 1000)
    assert sequences == list(range(1000, 1000 + CHUNKS))
    assert sums == SUMS
    assert last == "closed"


@needs_node
def test_clients_of_all_makers_stream_at_once_and_get_their_own(server: ServingThread) -> None:
    with ThreadPoolExecutor(len(CLIENTS)) as pool:
        futures = {
            100 * number: pool.submit(function, server, 100 * number)
            for number, function in enumerate(CLIENTS.values(), start=1)
        }
        found = {first: future.result() for first, future in futures.items()}
    for first, (sequences, sums, last) in found.items():
        assert sequences == list(range(first, first + CHUNKS))
        assert sums == SUMS
        assert last == "closed"


def run_numbers(client: Client, number: int) -> tuple[list[int], list[float]]:
    """Run one of several kinds of pipelines over numbers of its own."""
    place = ("native", "multiprocess")[number % 2]
    manifest = pipeline(
        {"a": ("MultiplyNode", {"factor": number}), "b": "PassThrough"},
        ["a > b"],
        places={"a": place, "b": ("multiprocess", "native")[number // 2 % 2]},
    )
    chunks = [chunk(json_buffer(n), 1000 * number + n) for n in range(CHUNKS)]
    with client.pipeline(manifest) as stream:
        stream.wait_ready()
        stream.send(*chunks, control("CLOSE"))
        rest = stream.rest()
    assert rest.closed
    return rest.sequences, rest.values("b")


def test_twenty_streams_at_once_keep_their_own_sequences_and_orders(
    server: ServingThread, client: Client
) -> None:
    with connected(server.target) as second, ThreadPoolExecutor(20) as pool:
        clients = [client, second]
        futures = [pool.submit(run_numbers, clients[n % 2], n) for n in range(20)]
        for number, future in enumerate(futures):
            sequences, values = future.result()
            assert sequences == [1000 * number + n for n in range(CHUNKS)]
            assert values == [number * n for n in range(CHUNKS)]


def test_streams_and_executions_mix(client: Client) -> None:
    def execute(number: int) -> float:
        manifest = pipeline({"calc": "CalculatorNode"}, places={"calc": "native"})
        work = json_buffer({"operation": "multiply", "operands": [number, 2]})
        output = client.execute(manifest, {"calc": work}).result.data_outputs["calc"]
        return float(json.loads(output.json.json_payload)["result"])

    with ThreadPoolExecutor(8) as pool:
        streams = [pool.submit(run_numbers, client, n) for n in range(4)]
        executed = list(pool.map(execute, range(20)))
        assert all(future.result() for future in streams)
    assert executed == [2.0 * n for n in range(20)]


def test_a_client_that_does_not_know_our_members_sees_an_empty_response(client: Client) -> None:
    # Members 6 to 8 are ours; a client of the contract as it was skips them.
    with client.pipeline(pipeline({"a": "PassThrough"})) as stream:
        first = stream.next()
    assert first.HasField("init_progress")
    fields = make("StreamResponse").DESCRIPTOR.oneofs_by_name["response"].fields[5:]
    assert [(each.name, each.number) for each in fields] == [
        ("init_progress", 6),
        ("draining", 7),
        ("taken", 8),
    ]
