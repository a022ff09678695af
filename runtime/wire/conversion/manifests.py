"""Manifests of the contract to JSON ones, and back."""

import json
from typing import Any

from ...manifest import Capabilities, Manifest, MultiprocessSettings, NodeManifest
from .. import (
    CapabilityRequirements,
    Connection,
    CpuRequirement,
    DataTypeHint,
    GpuRequirement,
    ManifestMetadata,
    MultiprocessConfig,
    PipelineManifest,
    RuntimeHint,
)
from .. import NodeManifest as NodeMessage


def manifest_value(message: PipelineManifest) -> dict[str, Any]:
    """Return the object of a JSON manifest that says the same as a message; nothing is checked."""
    value: dict[str, Any] = {
        "version": message.version,
        "nodes": [_node_value(node) for node in message.nodes],
        "connections": [{"from": each.from_, "to": each.to} for each in message.connections],
    }
    if message.metadata is not None:
        value["metadata"] = _metadata_value(message.metadata)
    return value


def _metadata_value(message: ManifestMetadata) -> dict[str, Any]:
    value: dict[str, Any] = {
        "name": message.name,
        "description": message.description,
        "created_at": message.created_at,
    }
    if (asked := message.multiprocess) is not None:
        settings = {
            "max_processes_per_session": asked.max_processes_per_session,
            "channel_capacity": asked.channel_capacity,
            "init_timeout_secs": asked.init_timeout_secs,
            "python_executable": asked.python_executable,
            "enable_backpressure": asked.enable_backpressure,
        }
        value["multiprocess"] = {key: each for key, each in settings.items() if each is not None}
        value["multiprocess"]["executor_overrides"] = dict(asked.executor_overrides)
    return value


def _node_value(message: NodeMessage) -> dict[str, Any]:
    value: dict[str, Any] = {
        "id": message.id,
        "node_type": message.node_type,
        "params": message.params,
        "is_streaming": message.is_streaming,
        "host": message.host,
        "runtime_hint": int(message.runtime_hint),
        "input_types": [int(each) for each in message.input_types],
        "output_types": [int(each) for each in message.output_types],
    }
    if message.capabilities is not None:
        value["capabilities"] = _capabilities_value(message.capabilities)
    return value


def _capabilities_value(message: CapabilityRequirements) -> dict[str, Any]:
    # A proto3 scalar cannot tell "not set" from its zero, so the zero values are left out.
    value: dict[str, Any] = {"memory_gb": message.memory_gb} if message.memory_gb else {}
    if (gpu := message.gpu) is not None:
        value["gpu"] = {
            "type": gpu.type or "any",
            "min_memory_gb": gpu.min_memory_gb,
            "required": gpu.required,
        }
    if (cpu := message.cpu) is not None:
        value["cpu"] = {"arch": cpu.arch or "any", **({"cores": cpu.cores} if cpu.cores else {})}
    return value


def manifest_message(manifest: Manifest) -> PipelineManifest:
    """Return the message that says a manifest; keys that are not the contract's are left out."""
    metadata = manifest.metadata
    return PipelineManifest(
        version=manifest.version,
        metadata=ManifestMetadata(
            name=metadata.name,
            description=metadata.description,
            created_at=metadata.created_at,
            multiprocess=_multiprocess_message(metadata.multiprocess),
        ),
        nodes=[_node_message(node) for node in manifest.nodes],
        connections=[
            Connection(from_=each.source, to=each.target) for each in manifest.connections
        ],
    )


def _multiprocess_message(settings: MultiprocessSettings) -> MultiprocessConfig | None:
    if settings == MultiprocessSettings():
        return None
    return MultiprocessConfig(
        max_processes_per_session=settings.max_processes_per_session,
        channel_capacity=settings.channel_capacity,
        init_timeout_secs=settings.init_timeout_secs,
        python_executable=settings.python_executable,
        enable_backpressure=settings.enable_backpressure,
        executor_overrides={str(k): v for k, v in settings.executor_overrides.items()},
    )


def _node_message(node: NodeManifest) -> NodeMessage:
    return NodeMessage(
        id=node.id,
        node_type=node.node_type,
        params=json.dumps(dict(node.params), ensure_ascii=False) if node.params else "",
        is_streaming=node.is_streaming,
        capabilities=_capabilities_message(node.capabilities),
        host=node.host,
        runtime_hint=RuntimeHint(node.runtime_hint),
        input_types=[DataTypeHint(each) for each in node.input_types],
        output_types=[DataTypeHint(each) for each in node.output_types],
    )


def _capabilities_message(wanted: Capabilities | None) -> CapabilityRequirements | None:
    if wanted is None:
        return None
    gpu, cpu = wanted.gpu, wanted.cpu
    return CapabilityRequirements(
        gpu=None
        if gpu is None
        else GpuRequirement(
            type=gpu.type, min_memory_gb=gpu.min_memory_gb or 0, required=gpu.required
        ),
        cpu=None if cpu is None else CpuRequirement(cores=cpu.cores or 0, arch=cpu.arch or ""),
        memory_gb=wanted.memory_gb or 0,
    )
