"""Options and arguments that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from ..completion import complete_manifest
from ..file_kinds import INPUT_KINDS

ManifestArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MANIFEST",
        help="A JSON or YAML file.",
        show_default=False,
        autocompletion=complete_manifest,
    ),
]
InputKindOption = Annotated[
    str | None, typer.Option(metavar="KIND", help=f"Kind of all inputs: {INPUT_KINDS}.")
]
InputFormatOption = Annotated[
    str | None,
    typer.Option(
        metavar="ENCODING:RATE[:CHANNELS]",
        help="All inputs are audio without a header, such as s16le:16000:1.",
        show_default=False,
    ),
]
ChunkOption = Annotated[
    float,
    typer.Option(
        min=1, max=60_000, metavar="MS", help="Length of a chunk of audio, in milliseconds."
    ),
]
RealtimeOption = Annotated[
    bool, typer.Option("--realtime", help="Send audio and video no faster than they play.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings file. Default: ./runtime.toml, if it exists.",
        show_default=False,
    ),
]
NodesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--nodes",
        metavar="PATH|NAME=module:Class",
        help="More node types: a .py file, a folder of them, or one class. Modules are also looked "
        "up in the current folder. Repeatable.",
        show_default=False,
    ),
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show logs of nodes, and tracebacks of errors.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
