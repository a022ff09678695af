"""Every key of runtime.toml, with its type, range and built-in default."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from ..documents import ACCEPTED
from ..manifest import (
    LONGEST_INIT_TIMEOUT_SECS,
    MOST_CHANNEL_CAPACITY,
    MOST_CONNECTIONS,
    MOST_NODES,
)
from .resource_limits import ResourceLimits
from .section import Section, Text
from .server import Server

MIB: Final = 1024 * 1024
# Sizes reach C and the wire as 64-bit and 32-bit integers; these are beyond any machine of today.
_MOST_BYTES: Final = 2**40
_MOST_COUNT: Final = 2**31 - 1

Target = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$",
        json_schema_extra={ACCEPTED: '"module:Class" such as "my_nodes.gain:GainNode"'},
    ),
]


class Multiprocess(Section):
    """What a session gets whose manifest does not say otherwise."""

    max_processes_per_session: int = Field(
        default=10, ge=1, le=_MOST_COUNT, description="processes that one session may have"
    )
    channel_capacity: int = Field(
        default=100, ge=1, le=MOST_CHANNEL_CAPACITY, description="items that may wait on a link"
    )
    channel_bytes: int = Field(
        default=64 * MIB,
        ge=1,
        le=_MOST_BYTES,
        description="bytes that may wait on a link; one item always fits",
    )
    init_timeout_secs: float = Field(
        default=30,
        gt=0,
        le=LONGEST_INIT_TIMEOUT_SECS,
        description="seconds for a node to become ready",
    )
    python_executable: Text | None = Field(
        default=None,
        description="another interpreter for the nodes' processes; none: the server's own",
    )
    allowed_python_executables: tuple[Text, ...] = Field(
        default=(), description="interpreters that a manifest may ask for; none: no other"
    )
    enable_backpressure: bool = Field(
        default=True,
        description="slow the producer down when a link is full; false: drop the oldest item",
    )
    cleanup_grace_period_secs: float = Field(
        default=5,
        ge=0,
        le=3600,
        description="seconds that a process has to end, before it is killed",
    )
    shared_memory_budget_bytes: int = Field(
        default=1024 * MIB,
        ge=MIB,
        le=_MOST_BYTES,
        description="shared memory that one session may have",
    )


class Limits(Section):
    """What the whole server allows. No manifest goes beyond these."""

    max_total_processes: int = Field(
        default=100, ge=1, le=_MOST_COUNT, description="processes of all sessions together"
    )
    max_sessions: int = Field(default=100, ge=1, le=_MOST_COUNT, description="sessions at once")
    session_wait_secs: float = Field(
        default=0,
        ge=0,
        le=3600,
        description="seconds that a session waits for room, first come, first served; 0: refused",
    )
    max_memory_bytes: int = Field(
        default=0,
        ge=0,
        le=_MOST_BYTES,
        description="what a node's process may allocate, whatever a client asks for; 0: no limit",
    )
    max_timeout_ms: int = Field(
        default=0, ge=0, le=_MOST_COUNT, description="a session's longest time; 0: no limit"
    )
    max_audio_samples: int = Field(
        default=0,
        ge=0,
        le=_MOST_BYTES,
        description="audio samples that a session may take, of all channels; 0: no limit",
    )
    max_message_bytes: int = Field(
        default=64 * MIB,
        ge=10 * MIB,
        le=_MOST_COUNT,
        description="the longest message of the wire, either way; clients rely on 10 MiB",
    )
    max_manifest_nodes: int = Field(
        default=256, ge=1, le=MOST_NODES, description="nodes of a manifest"
    )
    max_manifest_connections: int = Field(
        default=1024, ge=0, le=MOST_CONNECTIONS, description="connections of a manifest"
    )

    @property
    def of_a_session(self) -> ResourceLimits:
        """What no session's own resource_limits go beyond."""
        return ResourceLimits(self.max_memory_bytes, self.max_timeout_ms, self.max_audio_samples)


class Pattern(Section):
    """A rule for node types by their name."""

    pattern: Text = Field(description="* stands for any characters, ? for one")
    executor: Text
    priority: int = Field(default=0, description="the highest that matches decides")


class Routing(Section):
    """Which executor runs which node type."""

    default_executor: Text = Field(
        default="native", description="for types that nothing else decides"
    )
    override_executors: tuple[Text, ...] = Field(
        default=("*",),
        description="patterns of the executors that a manifest may choose; none: no choice",
    )
    registry: Mapping[str, Text] = Field(
        default_factory=dict, description="node type to executor; before any pattern"
    )
    patterns: tuple[Pattern, ...] = Field(
        default=(Pattern(pattern="*Node", executor="multiprocess", priority=100),),
        description="for types that no registry names",
    )


class Files(Section):
    """What a client may reach by the path of a file."""

    roots: tuple[Annotated[str, Field(pattern="^/")], ...] = Field(
        default=(),
        description="folders, whole paths, in which the files that a client names must lie",
    )


class Log(Section):
    """What a server logs, on standard error."""

    format: Literal["console", "json"] = Field(
        default="console", description="for people, or an object a line for machines"
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least that is written"
    )


class CatalogueSources(Section):
    """Where node types are found, beside those that come along and those that are installed."""

    paths: tuple[Text, ...] = Field(
        default=(), description=".py files, or folders of them, whose actors are node types"
    )
    modules: tuple[Text, ...] = Field(
        default=(), description="modules and packages whose actors are node types"
    )


class RuntimeConfig(Section):
    """All settings of the operator's."""

    multiprocess: Multiprocess = Multiprocess()
    limits: Limits = Limits()
    routing: Routing = Routing()
    server: Server = Server()
    files: Files = Files()
    log: Log = Log()
    catalogue: CatalogueSources = CatalogueSources()
    nodes: Mapping[Text, Target] = Field(
        default_factory=dict, description='more node types: name = "module:Class"'
    )
