"""The values of a manifest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Final, NewType

from ..documents import Document, Path
from ..errors import Fault
from .places import where

NodeId = NewType("NodeId", str)

_EMPTY: Final[Mapping[Any, Any]] = MappingProxyType({})


def _nothing() -> Mapping[Any, Any]:
    return _EMPTY


class RuntimeHint(IntEnum):
    """The interpreter that an older runtime uses for a node; kept here without effect."""

    UNSPECIFIED = 0
    RUSTPYTHON = 1
    CPYTHON = 2
    CPYTHON_WASM = 3
    AUTO = 4


class DataTypeHint(IntEnum):
    """A kind of data that a node accepts or produces; kept without effect."""

    UNSPECIFIED = 0
    AUDIO = 1
    VIDEO = 2
    TENSOR = 3
    JSON = 4
    TEXT = 5
    BINARY = 6
    ANY = 7
    FILE = 8


@dataclass(frozen=True, slots=True)
class MultiprocessSettings:
    """The content of `metadata.multiprocess` of a manifest.

    Attributes:
        values: the settings that the manifest has, by the names of runtime.toml's [multiprocess].
        executor_overrides: the executors that it chooses, by node.
    """

    values: Mapping[str, Any] = field(default_factory=_nothing)
    executor_overrides: Mapping[NodeId, str] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class ManifestMetadata:
    """The `metadata` of a manifest.

    Attributes:
        created_at: ISO 8601, as in the manifest; empty if it is missing.
        extra: the keys of other programs.
    """

    name: str
    description: str = ""
    created_at: str = ""
    multiprocess: MultiprocessSettings = field(default_factory=MultiprocessSettings)
    extra: Mapping[str, Any] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class GpuRequirement:
    """The GPU that a node requires."""

    type: str = "any"
    min_memory_gb: float | None = None
    required: bool = True


@dataclass(frozen=True, slots=True)
class CpuRequirement:
    """The CPU that a node requires."""

    cores: int | None = None
    arch: str | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The machine that a node requires."""

    gpu: GpuRequirement | None = None
    cpu: CpuRequirement | None = None
    memory_gb: float | None = None


@dataclass(frozen=True, slots=True)
class NodeManifest:
    """One node.

    Attributes:
        params: as in the manifest, not yet checked.
        is_output_node: whether the node's output is a result, also if other nodes read it.
        host: "name:port" of the runtime that executes the node; empty for this one.
    """

    id: NodeId
    node_type: str
    params: Mapping[str, Any] = field(default_factory=_nothing)
    is_streaming: bool = False
    capabilities: Capabilities | None = None
    host: str = ""
    runtime_hint: RuntimeHint = RuntimeHint.UNSPECIFIED
    input_types: tuple[DataTypeHint, ...] = ()
    output_types: tuple[DataTypeHint, ...] = ()
    is_output_node: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """An edge from `source` to `target`; a manifest calls these `from` and `to`."""

    source: NodeId
    target: NodeId


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that is well-formed: every key, every type, every connection.

    Whether its node types exist and accept their params, `runtime.plan` finds out.

    Attributes:
        warnings: keys that a lenient reading has left out.
    """

    version: str
    metadata: ManifestMetadata
    nodes: tuple[NodeManifest, ...]
    connections: tuple[Connection, ...] = ()
    document: Document = field(default_factory=lambda: Document({}), repr=False, compare=False)
    warnings: tuple[Fault, ...] = field(default=(), compare=False)

    def where(self, path: Path) -> str:
        """Return the place of a value for a message: file, line, node, key."""
        return where(self.document, path)
