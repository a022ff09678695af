"""Every setting of runtime.toml. `setting.py` describes how to add one."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from ..documents import ACCEPTED
from .executors import Executors
from .http import Http
from .media import Media
from .models import Model
from .resource_limits import ResourceLimits
from .section import HttpUrl, Name, Section, Text
from .server import Server
from .setting import named_tables, named_values, setting

MIB: Final = 1024 * 1024
# Sizes reach C and the wire as 64-bit and 32-bit integers; these are beyond any machine of today.
_MOST_BYTES: Final = 2**40
_MOST_COUNT: Final = 2**31 - 1
LONGEST_INIT_TIMEOUT_SECS: Final = 300
# Ceilings of the manifest format; the operator may set lower ones. Names are compared with each
# other when a manifest is checked, so a larger ceiling would let a client occupy the processor.
MOST_NODES: Final = 1_000
MOST_CONNECTIONS: Final = 10_000

Target = Annotated[
    str,
    Field(
        pattern=r"^([A-Za-z_]\w*(\.[A-Za-z_]\w*)*|.+\.py):[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$",
        json_schema_extra={
            ACCEPTED: '"module:Class" such as "my_nodes.gain:GainNode", or "file.py:Class"'
        },
    ),
]


class Multiprocess(Section):
    """What each session may use, and how its node processes run."""

    max_processes_per_session: int = setting(
        10,
        "processes that one session may have",
        ge=1,
        le=_MOST_COUNT,
        in_manifest=True,
        capped_by="limits.max_total_processes",
    )
    channel_capacity: int = setting(
        100, "items that may wait on a link", ge=1, le=10_000, in_manifest=True
    )
    channel_bytes: int = setting(
        64 * MIB, "bytes that may wait on a link; one item always fits", ge=1, le=_MOST_BYTES
    )
    init_timeout_secs: float = setting(
        30,
        "seconds for a node to become ready",
        gt=0,
        le=LONGEST_INIT_TIMEOUT_SECS,
        in_manifest=True,
    )
    process_timeout_secs: float = setting(
        300,
        "seconds that one call of a node may last, before the node counts as hung",
        gt=0,
        le=86_400,
        detail="An actor may declare another default (process_timeout_secs).",
        in_manifest=True,
    )
    python_executable: Text | None = setting(
        None,
        "another Python interpreter for the node processes; not set: the server's own",
        example="/opt/models/bin/python",
        in_manifest=True,
        allowed_by="allowed_python_executables",
    )
    allowed_python_executables: tuple[Text, ...] = setting(
        (),
        "interpreters that a manifest may choose",
        detail="They are compared as text. Every client that may send a manifest can run them.",
    )
    enable_backpressure: bool = setting(
        True,
        "slow the producer down when a link is full; false: drop the oldest item",
        in_manifest=True,
    )
    cleanup_grace_period_secs: float = setting(
        5, "seconds for a process to end before it is killed", ge=0, le=3600
    )
    shared_memory_budget_bytes: int = setting(
        1024 * MIB,
        "bytes of shared memory that one session may have",
        ge=MIB,
        le=_MOST_BYTES,
        detail="As many bytes may wait on all its links inside the server together.",
    )
    preload: tuple[Text, ...] = setting(
        (),
        "node types whose processes are forked from a template, which has loaded their model",
        detail="Each session still has processes of its own. [] keeps no template.",
    )
    preload_max_templates: int = setting(8, "templates at once", ge=1, le=1000)
    preload_max_bytes: int = setting(
        4096 * MIB, "resident bytes of one template; 0: no limit", ge=0, le=_MOST_BYTES
    )
    preload_idle_secs: float = setting(
        600, "seconds after which a template without node processes ends", gt=0, le=10**7
    )


class Limits(Section):
    """Limits of the whole server. No manifest goes beyond them."""

    max_total_processes: int = setting(
        100, "processes of all sessions together", ge=1, le=_MOST_COUNT
    )
    max_sessions: int = setting(100, "sessions at once", ge=1, le=_MOST_COUNT)
    session_wait_secs: float = setting(
        0,
        "seconds that a new session waits for room, first come, first served; 0: refuse it at once",
        ge=0,
        le=3600,
    )
    max_memory_bytes: int = setting(
        0,
        "bytes that a node process may allocate; 0: no limit",
        ge=0,
        le=_MOST_BYTES,
        detail="What the runtime itself needs in the process comes on top. A client may ask for "
        "less in its resource_limits.",
    )
    max_timeout_ms: int = setting(
        0,
        "milliseconds that a session may last; 0: no limit",
        ge=0,
        le=_MOST_COUNT,
        detail="A client may ask for less in its resource_limits.",
    )
    max_audio_samples: int = setting(
        0,
        "audio samples that a session may take, of all channels; 0: no limit",
        ge=0,
        le=_MOST_BYTES,
        detail="A client may ask for less in its resource_limits.",
    )
    max_message_bytes: int = setting(
        64 * MIB,
        "bytes of the longest gRPC message, in both directions",
        ge=10 * MIB,
        le=_MOST_COUNT,
        detail="Clients rely on 10 MiB.",
    )
    max_manifest_nodes: int = setting(256, "nodes of one manifest", ge=1, le=MOST_NODES)
    max_manifest_connections: int = setting(
        1024, "connections of one manifest", ge=0, le=MOST_CONNECTIONS
    )

    @property
    def of_a_session(self) -> ResourceLimits:
        """The bounds of every session's own resource_limits."""
        return ResourceLimits(self.max_memory_bytes, self.max_timeout_ms, self.max_audio_samples)


class Pattern(Section):
    """A rule for node types by their name."""

    pattern: Text = Field(description="name of a node type; * matches any characters, ? one")
    executor: Text = Field(description="executor of the node types that match")
    priority: int = setting(
        0, "the matching pattern with the highest priority decides", ge=-(2**31), le=_MOST_COUNT
    )


class Routing(Section):
    """Which executor runs which node type."""

    default_executor: Text = setting(
        "native",
        "executor of node types that no other rule matches",
        detail='"native" is a task of the server, "multiprocess" a process of its own.',
    )
    override_executors: tuple[Text, ...] = setting(
        ("*",),
        "patterns of the executors that a manifest may choose in executor_overrides; []: none",
    )
    native_override_types: tuple[Text, ...] = setting(
        (),
        "patterns of node types that a manifest may move out of a process of their own; []: none",
        detail="A node in the server's process shares its memory and can stop it for everybody. "
        "Overrides towards a process need no permission here.",
    )
    registry: Mapping[str, Text] = named_values(
        "executor of a node type by its name; overrides every pattern",
        example='MyModelNode = "multiprocess"',
    )
    patterns: tuple[Pattern, ...] = setting(
        (Pattern(pattern="*Node", executor="multiprocess", priority=100),),
        "executors by patterns of node types",
        detail="The highest priority that matches decides; of equal ones the longer pattern. Any "
        "pattern here replaces the built-in one.",
    )


class Files(Section):
    """Files that a client may name."""

    roots: tuple[Annotated[str, Field(pattern="^/")], ...] = setting(
        (),
        "folders, as absolute paths, in which the files that a client names must lie; []: no file",
        detail="Symbolic links and `..` are resolved first.",
    )


class Recording(Section):
    """Recordings that a server makes of its sessions, as .mcap files (extra `record`)."""

    folder: Text | None = setting(
        None,
        "folder for a recording of every session; not set: sessions are not recorded",
        detail="Recordings hold what clients send. They are readable by the server's user only if "
        "the folder is.",
        example="/var/lib/millrace/recordings",
    )
    all_nodes: bool = setting(False, "record the outputs of every node, and not of the sinks only")
    max_bytes: int = setting(
        1024**3, "bytes of one recording; it stops there; 0: no limit", ge=0, le=2**50
    )
    max_seconds: float = setting(
        3600, "seconds of one recording; it stops there; 0: no limit", ge=0, le=10**7
    )
    keep_bytes: int = setting(
        10 * 1024**3,
        "bytes of all recordings in the folder; the oldest are removed; 0: no limit",
        ge=0,
        le=2**60,
    )


class Tracing(Section):
    """Traces of sessions, sent to a collector as OTLP over HTTP (extra `otel`)."""

    endpoint: HttpUrl | None = setting(
        None,
        "URL that the collector takes traces at; not set: sessions are not traced",
        detail="Traces name nodes and hold the texts of errors, and no item's content.",
        example="http://127.0.0.1:4318/v1/traces",
    )
    headers_file: Text | None = setting(
        None,
        "file of secret headers for the collector, one name=value per line",
        detail="Headers of the variable MILLRACE_TRACING_HEADERS, separated by commas, are sent "
        "too.",
        example="/etc/millrace/tracing-headers",
    )
    service_name: Text = setting("millrace", "name of this server in its traces")
    session_rate: float = setting(
        1, "share of the sessions that are traced: 1 is all, 0.01 one in 100", ge=0, le=1
    )
    item_interval: int = setting(
        100,
        "trace each chunk of such a session whose sequence is a multiple of this; 0: none",
        ge=0,
        le=_MOST_COUNT,
    )
    accept_traceparent: bool = setting(
        True,
        "let the traceparent of a client decide whether its session is traced, and in which trace",
        detail="false: a traceparent is ignored, and session_rate decides about every session.",
    )


class Log(Section):
    """The log of a server, on standard error."""

    format: Literal["console", "json"] = setting(
        "console",
        '"console" for people, "json" for machines',
        detail="JSON is one object per line, with session and node.",
    )
    level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "the lowest level that is written"
    )


class CatalogueSources(Section):
    """Where node types are found, beside the built-in and the installed ones."""

    paths: tuple[Text, ...] = setting(
        (),
        ".py files, or folders of them, whose actors are node types",
        detail="Relative to the current folder.",
    )
    modules: tuple[Text, ...] = setting((), "modules and packages whose actors are node types")


class RuntimeConfig(Section):
    """All settings of the operator."""

    multiprocess: Multiprocess = Multiprocess()
    limits: Limits = Limits()
    routing: Routing = Routing()
    executors: Executors = Executors()
    server: Server = Server()
    http: Http = Http()
    files: Files = Files()
    media: Media = Media()
    recording: Recording = Recording()
    tracing: Tracing = Tracing()
    log: Log = Log()
    catalogue: CatalogueSources = CatalogueSources()
    nodes: Mapping[Text, Target] = named_values(
        'more node types: name = "module:Class" or "file.py:Class"; overrides an '
        "installed or built-in type of the same name",
        example='MyModelNode = "my_nodes.model:MyModelNode"',
    )
    models: Mapping[Name, Model] = named_tables(
        "chat endpoints that speak OpenAI's protocol, each in a table of its own",
        detail="A manifest chooses one by its name (param model of LLMNode), and gives no URL.",
    )
    tools: Mapping[Name, Target] = named_values(
        'Python functions that a model may call: name = "module:function" or "file.py:function"',
        example='weather = "my_tools:weather"',
        detail="A manifest chooses those that its LLMNode offers to the model (param tools).",
    )
    pipelines: Mapping[Name, Text] = named_values(
        'named pipelines: name = "manifest.yaml"; relative to the current folder',
        example='assistant = "assistant.yaml"',
    )
