"""Clients in other languages, and one that knows nothing of the contract, at work."""

import asyncio
import contextvars
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.client import connect
from tests.service.grpcio_client import SECONDS, Client
from tests.service.serving import ServingThread

NODE_EXAMPLE = Path(__file__).parents[2] / "examples" / "node"
AUDIO = {
    "version": "v1",
    "metadata": {
        "name": "mixed",
        "multiprocess": {"executor_overrides": {"a": "native", "b": "multiprocess"}},
    },
    "nodes": [{"id": "a", "node_type": "PassThrough"}, {"id": "b", "node_type": "PassThrough"}],
    "connections": [{"from": "a", "to": "b"}],
}
CALCULATOR = {
    "version": "v1",
    "metadata": {"name": "sum", "multiprocess": {"channel_capacity": 10}},
    "nodes": [{"id": "sum", "node_type": "CalculatorNode"}],
    "connections": [],
}


class Generic:
    """What grpcurl does: ask the server for the services, send and receive JSON."""

    def __init__(self, channel: Any) -> None:
        from google.protobuf import descriptor_pool
        from grpc_reflection.v1alpha import proto_reflection_descriptor_database as reflection

        self._channel = channel
        self._database = reflection.ProtoReflectionDescriptorDatabase(channel)
        self._pool = descriptor_pool.DescriptorPool(self._database)

    def services(self) -> list[str]:
        return sorted(self._database.get_services())

    def call(self, path: str, *requests: dict[str, Any]) -> Iterator[dict[str, Any]]:
        from google.protobuf import json_format, message_factory

        service, method = path.split("/")
        found = self._pool.FindServiceByName(service).methods_by_name[method]
        request = message_factory.GetMessageClass(found.input_type)
        response = message_factory.GetMessageClass(found.output_type)
        call = self._channel.stream_stream(
            f"/{path}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        messages = [json_format.ParseDict(each, request()) for each in requests]
        for answer in call(iter(messages), timeout=SECONDS):
            yield json_format.MessageToDict(answer, preserving_proto_field_name=True)


def test_a_client_without_the_proto_files_finds_its_way_by_reflection(client: Client) -> None:
    generic = Generic(client.channel)
    assert generic.services() == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "remotemedia.v1.PipelineControl",
        "remotemedia.v1.PipelineExecutionService",
        "remotemedia.v1.StreamingPipelineService",
    ]
    operands = {"json": {"json_payload": '{"operation": "add", "operands": [1, 2]}'}}
    request = {"manifest": CALCULATOR, "data_inputs": {"sum": operands}}
    (answer,) = generic.call("remotemedia.v1.PipelineExecutionService/ExecutePipeline", request)
    output = answer["result"]["data_outputs"]["sum"]
    assert json.loads(output["json"]["json_payload"])["result"] == 3
    answers = list(
        generic.call(
            "remotemedia.v1.StreamingPipelineService/StreamPipeline",
            {"init": {"manifest": CALCULATOR, "client_version": "generic"}},
            {"data_chunk": {"node_id": "sum", "buffer": operands, "sequence": 7}},
            {"control": {"command": "COMMAND_CLOSE"}},
        )
    )
    (result,) = [each["result"] for each in answers if "result" in each]
    assert result["sequence"] == "7"
    assert "closed" in answers[-1]


def start_node(
    server: ServingThread, folder: Path, manifest: dict[str, Any], chunks: int
) -> "subprocess.Popen[str]":
    """Start the example; finish it with `communicate`."""
    node = shutil.which("node")
    if node is None or not (NODE_EXAMPLE / "node_modules").is_dir():
        pytest.skip("needs node, and `npm install` in examples/node")
    (folder / "pipeline.json").write_text(json.dumps(manifest))
    return subprocess.Popen(
        [node, str(NODE_EXAMPLE / "stream.js"), server.target, "pipeline.json", str(chunks)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ours(target: str, chunks: int) -> list[int]:
    """Stream with our own client, in a loop of asyncio's own; return the sequences."""

    async def stream() -> list[int]:
        async with connect(target) as runtime, runtime.stream(AUDIO) as opened:
            for number in range(chunks):
                samples = np.full(320, number, np.float32)
                await opened.send(samples, sample_rate=16000, sequence=1000 + number)
            await opened.close()
            return [result.sequence async for result in opened]

    def run() -> list[int]:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            return runner.run(stream())

    return contextvars.Context().run(run)


def test_three_clients_stream_to_a_mixed_pipeline_at_the_same_time(
    server: ServingThread, client: Client, tmp_path: Path
) -> None:
    chunks = 50
    node = start_node(server, tmp_path, AUDIO, chunks)
    requests: list[dict[str, Any]] = [
        {"init": {"manifest": AUDIO, "client_version": "generic"}},
        *(
            {
                "data_chunk": {
                    "node_id": "a",
                    "sequence": 2000 + number,
                    "buffer": {"audio": {"samples": "AAAAAA==", "sample_rate": 1, "channels": 1}},
                }
            }
            for number in range(chunks)
        ),
        {"control": {"command": "COMMAND_CLOSE"}},
    ]
    generic = Generic(client.channel).call(
        "remotemedia.v1.StreamingPipelineService/StreamPipeline", *requests
    )
    first = next(generic)  # it is under way now, as node's is
    mine = ours(server.target, chunks)
    theirs = [first, *generic]
    out, err = node.communicate(timeout=SECONDS)
    assert mine == list(range(1000, 1000 + chunks))
    sequences = [int(each["result"]["sequence"]) for each in theirs if "result" in each]
    assert sequences == list(range(2000, 2000 + chunks))
    assert node.returncode == 0, err
    assert out.splitlines() == [f"{n} b 320 {n / 1000:.3f}" for n in range(chunks)]
    assert err.splitlines()[-1] == "closed: closed by the client"


def test_a_node_client_is_told_what_is_wrong_with_its_manifest(
    server: ServingThread, client: Client, tmp_path: Path
) -> None:
    nodes = [{"id": "a", "node_type": "PassThru"}]
    node = start_node(server, tmp_path, {**AUDIO, "nodes": nodes, "connections": []}, 1)
    out, err = node.communicate(timeout=SECONDS)
    assert (out, node.returncode) == ("", 1)
    assert 'did you mean "PassThrough"?' in err
