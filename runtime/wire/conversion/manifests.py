"""Conversion of manifests: messages to the form of JSON manifests, and back."""

import json
from dataclasses import fields
from typing import Any, Final

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

_OVERRIDES: Final = "executor_overrides"
# Every field but the overrides is a setting of the same name, declared in runtime/config.
_SETTINGS: Final = tuple(
    field.name for field in fields(MultiprocessConfig) if field.name != _OVERRIDES
)


def manifest_value(message: PipelineManifest) -> dict[str, Any]:
    """Return the JSON form of a manifest message. Nothing is checked."""
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
        settings = {name: getattr(asked, name) for name in _SETTINGS}
        value["multiprocess"] = {key: each for key, each in settings.items() if each is not None}
        value["multiprocess"][_OVERRIDES] = dict(asked.executor_overrides)
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
    if message.is_output_node:
        value["is_output_node"] = True
    if message.capabilities is not None:
        value["capabilities"] = _capabilities_value(message.capabilities)
    return value


def _capabilities_value(message: CapabilityRequirements) -> dict[str, Any]:
    # A proto3 scalar that is not set reads as zero, so zeros are left out.
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


def manifest_json(manifest: Manifest) -> dict[str, Any]:
    """Return the object of a JSON manifest with all that a manifest has."""
    return manifest_value(manifest_message(manifest))


def manifest_message(manifest: Manifest) -> PipelineManifest:
    """Return the message of a manifest, without the keys that the contract does not have."""
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
    overrides = {str(node): executor for node, executor in settings.executor_overrides.items()}
    return MultiprocessConfig(**settings.values, executor_overrides=overrides)


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
        is_output_node=node.is_output_node,
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
