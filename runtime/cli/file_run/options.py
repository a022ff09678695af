"""What the command line asks of a run."""

from dataclasses import dataclass
from pathlib import Path

from ..server_target import ServerTarget


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of `millrace run` and `millrace profile`, as `millrace run --help` explains them.

    Attributes:
        settings: the settings file of --config.
        sources: the node types of --nodes.
        explains: whether to print where the latency of the results went.
        record: the file of --record.
        record_all: whether the outputs of every node are recorded.
    """

    manifest: Path
    inputs: list[str]
    outputs: list[str]
    input_kind: str | None
    input_format: str | None
    output_kind: str | None
    chunk_ms: float
    realtime: bool
    settings: Path | None
    sources: list[str]
    quiet: bool = False
    debug: str | None = None
    server: ServerTarget | None = None
    explains: bool = False
    record: Path | None = None
    record_all: bool = False
