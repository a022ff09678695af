"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

INPUT_KINDS = "audio, lines, text, jsonl, json, image or video"
OUTPUT_KINDS = "audio, lines, jsonl, image or srt"

ManifestArgument = Annotated[
    Path, typer.Argument(metavar="MANIFEST", help="JSON or YAML.", show_default=False)
]
InputKindOption = Annotated[
    str | None, typer.Option(metavar="KIND", help=f"What all inputs hold: {INPUT_KINDS}.")
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
    float, typer.Option(min=1, max=60_000, metavar="MS", help="Length of a chunk of audio.")
]
RealtimeOption = Annotated[
    bool, typer.Option("--realtime", help="Send audio no faster than it plays.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings to use instead of ./runtime.toml.",
        show_default=False,
    ),
]
NodesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--nodes",
        metavar="PATH|NAME=module:Class",
        help="Node types of your own: a .py file, a folder of them, or one by name; modules are "
        "found in the current folder too. May be given several times.",
        show_default=False,
    ),
]
VerboseOption = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Show the nodes' logs, and tracebacks of errors."),
]
