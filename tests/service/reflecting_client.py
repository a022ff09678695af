"""A client without the contract: reflection tells it all. Like grpcurl, in a process of its own.

    python -m tests.service.reflecting_client TARGET MANIFEST.json NODE < input.json

It lists the services, runs the manifest on the JSON value as ExecutePipeline and as a stream, and
prints what it has seen as JSON. Its own process, since the classes that it makes must not meet
others of the same names.
"""

import json
import sys
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

_SECONDS = 30
_PACKAGE = "remotemedia.v1"


def main(target: str, manifest: str, node: str) -> None:
    """Do it."""
    with grpc.insecure_channel(target) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(database)
        services = sorted(database.get_services())
        caller = _Caller(channel, pool)
        said = json.loads(Path(manifest).read_text())
        buffer = {"json": {"json_payload": sys.stdin.read()}}
        execution = caller.call(
            "PipelineExecutionService/ExecutePipeline",
            [{"manifest": said, "data_inputs": {node: buffer}}],
        )
        stream = caller.call(
            "StreamingPipelineService/StreamPipeline",
            [
                {"init": {"manifest": said, "client_version": "generic"}},
                {"data_chunk": {"node_id": node, "buffer": buffer, "sequence": 5}},
                {"control": {"command": "COMMAND_CLOSE"}},
            ],
        )
        methods = {
            name: [method.name for method in pool.FindServiceByName(name).methods]
            for name in services
        }
    print(json.dumps({"services": methods, "execution": execution, "stream": stream}))


class _Caller:
    """Calls rpcs by their names, with messages as JSON has them."""

    def __init__(self, channel: grpc.Channel, pool: DescriptorPool) -> None:
        self._channel = channel
        self._pool = pool

    def call(self, path: str, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Send requests; return all responses."""
        service, _, name = path.partition("/")
        method = self._pool.FindServiceByName(f"{_PACKAGE}.{service}").FindMethodByName(name)
        taken, given = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        call = self._channel.stream_stream(
            f"/{_PACKAGE}.{path}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=given.FromString,
        )
        messages = [json_format.ParseDict(each, taken()) for each in requests]
        return [
            json_format.MessageToDict(each, preserving_proto_field_name=True)
            for each in call(iter(messages), timeout=_SECONDS)
        ]


if __name__ == "__main__":
    main(*sys.argv[1:])
