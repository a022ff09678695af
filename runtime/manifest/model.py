"""What a manifest says, as values."""

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
    """What an older runtime should run a node with; this one keeps it and does not need it."""

    UNSPECIFIED = 0
    RUSTPYTHON = 1
    CPYTHON = 2
    CPYTHON_WASM = 3
    AUTO = 4


class DataTypeHint(IntEnum):
    """A kind of data that a node takes or gives."""

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
    """What a manifest says about itself.

    Attributes:
        created_at: ISO 8601, as it was written; empty if it was not.
        extra: keys of others, kept as they came.
    """

    name: str
    description: str = ""
    created_at: str = ""
    multiprocess: MultiprocessSettings = field(default_factory=MultiprocessSettings)
    extra: Mapping[str, Any] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class GpuRequirement:
    """What a node wants of a GPU."""

    type: str = "any"
    min_memory_gb: float | None = None
    required: bool = True


@dataclass(frozen=True, slots=True)
class CpuRequirement:
    """What a node wants of a CPU."""

    cores: int | None = None
    arch: str | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a node wants of the machine that it runs on."""

    gpu: GpuRequirement | None = None
    cpu: CpuRequirement | None = None
    memory_gb: float | None = None


@dataclass(frozen=True, slots=True)
class NodeManifest:
    """One node.

    Attributes:
        params: as in the manifest, not yet checked.
        is_output_node: whether the node's output is a result, also if other nodes read it. Only a
            JSON or YAML manifest can set it; the contract's message has no such field.
        host: "name:port" of the runtime that is to execute it; empty means this one.
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
    """What goes out of `source` goes into `target`; a manifest calls them `from` and `to`."""

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
