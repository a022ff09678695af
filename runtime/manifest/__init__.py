"""Manifests: the pipelines that clients ask for, read and checked without any node type."""

from .build import params_of_nodes
from .cycles import Cycle, cycles
from .load import ManifestSource, load_manifest, manifest_from, parse_manifest, read_manifest
from .model import (
    Capabilities,
    Connection,
    CpuRequirement,
    DataTypeHint,
    GpuRequirement,
    Manifest,
    ManifestMetadata,
    MultiprocessSettings,
    NodeId,
    NodeManifest,
    RuntimeHint,
)
from .order import topological_order
from .places import where

__all__ = [
    "Capabilities",
    "Connection",
    "CpuRequirement",
    "Cycle",
    "DataTypeHint",
    "GpuRequirement",
    "Manifest",
    "ManifestMetadata",
    "ManifestSource",
    "MultiprocessSettings",
    "NodeId",
    "NodeManifest",
    "RuntimeHint",
    "cycles",
    "load_manifest",
    "manifest_from",
    "params_of_nodes",
    "parse_manifest",
    "read_manifest",
    "topological_order",
    "where",
]
