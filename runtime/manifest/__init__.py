"""Manifests: what a client wants to run, read and checked as far as it says so itself."""

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

__all__ = [
    "Capabilities",
    "Connection",
    "CpuRequirement",
    "DataTypeHint",
    "GpuRequirement",
    "Manifest",
    "ManifestMetadata",
    "ManifestSource",
    "MultiprocessSettings",
    "NodeId",
    "NodeManifest",
    "RuntimeHint",
    "load_manifest",
    "manifest_from",
    "parse_manifest",
    "read_manifest",
]
