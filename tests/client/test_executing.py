"""A whole run in one call."""

import numpy as np

from actors import Audio, Json, NumpyArray, Text
from runtime.client import RemoteRuntime
from runtime.service import GrpcServer
from runtime.wire import ExecutionStatus, NodeStatus
from tests.session.pipelines import manifest

from .conftest import Client


async def test_outputs_metrics_and_node_results_come_back(
    server: GrpcServer, client: Client
) -> None:
    pipeline = manifest(
        {"a": "PassThrough", "b": "PassThrough", "sum": "CalculatorNode"},
        ["a > b"],
        places={"b": "multiprocess"},
    )
    samples = np.arange(6, dtype=np.int16).reshape(3, 2)

    async def body(runtime: RemoteRuntime) -> None:
        done = await runtime.execute(
            pipeline,
            {"a": Audio(samples, 8000), "sum": Json({"operation": "add", "operands": [1, 2]})},
        )
        assert done.outputs["b"] == Audio(samples, 8000)
        total = done.outputs["sum"]
        assert isinstance(total, Json)
        assert isinstance(total.value, dict)
        assert total.value["result"] == 3
        assert done.status is ExecutionStatus.SUCCESS
        assert set(done.node_results) == {"a", "b", "sum"}
        assert {each.status for each in done.node_results.values()} == {NodeStatus.SUCCESS}
        assert done.metrics.node_metrics["b"].items_processed == 1

    await client(server, body)


async def test_one_input_goes_to_all_sources(server: GrpcServer, client: Client) -> None:
    pipeline = manifest({"a": "PassThrough", "b": "PassThrough"})

    async def body(runtime: RemoteRuntime) -> None:
        done = await runtime.execute(pipeline, np.arange(3.0))
        assert done.outputs == {"a": NumpyArray(np.arange(3.0)), "b": NumpyArray(np.arange(3.0))}

    await client(server, body)


async def test_outputs_of_several_items_are_joined(server: GrpcServer, client: Client) -> None:
    pipeline = manifest({"chunk": ("AudioChunkerNode", {"chunk_size": 2})})

    async def body(runtime: RemoteRuntime) -> None:
        done = await runtime.execute(pipeline, Audio(np.arange(5, dtype=np.float32), 8000))
        assert done.outputs["chunk"] == Audio(np.arange(5, dtype=np.float32), 8000)
        said = await runtime.execute(manifest({"echo": "PassThrough"}), "text")
        assert said.outputs == {"echo": Text("text")}

    await client(server, body)
