"""Clients without .proto files."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.service.grpcio_client import SECONDS, Client
from tests.service.messages import make, message_class
from tests.service.serving import ServingThread

ROOT = Path(__file__).parents[2]
SERVICES = {
    "remotemedia.v1.PipelineExecutionService": ["ExecutePipeline", "GetVersion"],
    "remotemedia.v1.StreamingPipelineService": ["StreamPipeline"],
    "remotemedia.v1.PipelineControl": ["Attach"],
    "grpc.health.v1.Health": ["Check", "Watch"],
    "grpc.reflection.v1.ServerReflection": ["ServerReflectionInfo"],
}
VERSIONS = ["v1", "v1alpha"]
MANIFEST = {
    "version": "v1",
    "metadata": {
        "name": "calculator",
        "description": "as a file has it",
        "created_at": "2026-11-25T12:00:00Z",
        "multiprocess": {
            "max_processes_per_session": 2,
            "channel_capacity": 7,
            "init_timeout_secs": 12.5,
            "enable_backpressure": True,
            "executor_overrides": {"calc": "multiprocess"},
        },
    },
    "nodes": [
        {"id": "calc", "node_type": "CalculatorNode"},
        {"id": "end", "node_type": "PassThrough"},
    ],
    "connections": [{"from": "calc", "to": "end"}],
}
WORK = {"operation": "add", "operands": [10, 20]}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "calculator.json"
    path.write_text(json.dumps(MANIFEST))
    return path


def value_of(buffer: dict[str, Any]) -> Any:
    return json.loads(buffer["json"]["json_payload"])["result"]


def test_a_client_that_only_reflects_runs_a_manifest_file_as_it_is(
    server: ServingThread, manifest: Path
) -> None:
    pytest.importorskip("grpc_reflection", reason="grpcio-reflection is missing")
    module = "tests.service.reflecting_client"
    command = [sys.executable, "-m", module, server.target, str(manifest), "calc"]
    result = subprocess.run(
        command, cwd=ROOT, input=json.dumps(WORK), capture_output=True, text=True, timeout=SECONDS
    )
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    assert seen["services"] == SERVICES
    (execution,) = seen["execution"]
    assert value_of(execution["result"]["data_outputs"]["end"]) == 30
    *_, chunk_result, closed = seen["stream"]
    assert chunk_result["result"]["sequence"] == "5"
    assert value_of(chunk_result["result"]["data_outputs"]["end"]) == 30
    assert "closed" in closed


@pytest.mark.skipif(shutil.which("grpcurl") is None, reason="grpcurl is missing")
def test_grpcurl_lists_the_services_and_runs_a_pipeline(server: ServingThread) -> None:
    def grpcurl(*arguments: str, given: object = None) -> str:
        command = ["grpcurl", "-plaintext", *arguments]
        text = None if given is None else json.dumps(given)
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert set(grpcurl(server.target, "list").split()) == set(SERVICES)
    request = {
        "manifest": MANIFEST,
        "data_inputs": {"calc": {"json": {"json_payload": json.dumps(WORK)}}},
    }
    path = "remotemedia.v1.PipelineExecutionService/ExecutePipeline"
    told = json.loads(grpcurl("-d", "@", server.target, path, given=request))
    payload = told["result"]["dataOutputs"]["end"]["json"]["jsonPayload"]
    assert json.loads(payload)["result"] == 30


def ask(client: Client, version: str, **question: Any) -> Any:
    call = client.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=message_class(
            "grpc.reflection.v1.ServerReflectionResponse"
        ).FromString,
    )
    request = make("grpc.reflection.v1.ServerReflectionRequest", **question)
    (response,) = call(iter([request]), timeout=SECONDS)
    assert response.original_request == request
    return response


@pytest.mark.parametrize("version", VERSIONS)
def test_the_services_are_listed(client: Client, version: str) -> None:
    listed = ask(client, version, list_services="").list_services_response.service
    assert {each.name for each in listed} == set(SERVICES)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "symbol",
    [
        *SERVICES,
        "remotemedia.v1.StreamingPipelineService.StreamPipeline",
        "remotemedia.v1.StreamControl.Command",
        "remotemedia.v1.MultiprocessConfig",
        "remotemedia.v1.AudioFormat",
        "remotemedia.v1.PipelineControl",
    ],
)
def test_a_symbol_comes_with_its_file_and_all_that_it_imports(
    client: Client, version: str, symbol: str
) -> None:
    from google.protobuf import descriptor_database, descriptor_pb2, descriptor_pool

    response = ask(client, version, file_containing_symbol=symbol)
    database = descriptor_database.DescriptorDatabase()
    files = [
        descriptor_pb2.FileDescriptorProto.FromString(each)
        for each in response.file_descriptor_response.file_descriptor_proto
    ]
    names = {file.name for file in files}
    assert all(set(file.dependency) <= names for file in files)
    for file in files:
        database.Add(file)
    pool = descriptor_pool.DescriptorPool(database)
    described = pool.FindFileByName(files[0].name)
    parent, _, name = symbol.rpartition(".")
    if parent in SERVICES and name in SERVICES[parent]:  # pools find no methods by themselves
        symbol = parent
    assert pool.FindFileContainingSymbol(symbol) == described


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "question",
    [
        {"file_containing_symbol": "remotemedia.v1.Nothing"},
        {"file_by_filename": "nowhere.proto"},
        {"all_extension_numbers_of_type": "remotemedia.v1.Nothing"},
    ],
)
def test_what_is_not_here_is_not_found(
    client: Client, version: str, question: dict[str, str]
) -> None:
    assert ask(client, version, **question).error_response.error_code == 5


def test_a_message_has_no_extensions(client: Client) -> None:
    asked = "remotemedia.v1.DataBuffer"
    response = ask(client, "v1", all_extension_numbers_of_type=asked)
    assert response.all_extension_numbers_response.base_type_name == asked
    assert list(response.all_extension_numbers_response.extension_number) == []
