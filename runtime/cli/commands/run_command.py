"""`millrace run`: a manifest on files."""

from pathlib import Path
from typing import Annotated

import typer

from ..file_kinds import OUTPUT_KINDS
from .options import (
    ChunkOption,
    ConfigOption,
    InputFormatOption,
    InputKindOption,
    ManifestArgument,
    NodesOption,
    RealtimeOption,
    VerboseOption,
)
from .server_options import CaOption, CertificateOption, ServerOption, TlsOption


def run(
    manifest: ManifestArgument,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="[NODE=]FILE",
            help="Input: a file of audio, text or JSON, an image or a video; - is stdin; an "
            "rtsp:// or https:// URL, /dev/video0 or alsa:NAME is read live. Repeatable: the files "
            "of one node are read in order, those of different nodes at the same time. Default: "
            "stdin, if the pipeline takes input.",
            show_default=False,
        ),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="[NODE=]FILE",
            help="Output file, its format by suffix: .wav .flac .mp3 .opus .m4a .mp4 .webm .mkv "
            ".txt .srt .jsonl .png .jpg; - is stdout: lines, or WAV or Matroska where the results "
            "are only audio and video. Repeatable. Default: stdout, as lines.",
            show_default=False,
        ),
    ] = None,
    input_kind: InputKindOption = None,
    input_format: InputFormatOption = None,
    output_kind: Annotated[
        str | None, typer.Option(metavar="KIND", help=f"Format of all outputs: {OUTPUT_KINDS}.")
    ] = None,
    chunk_ms: ChunkOption = 20,
    realtime: RealtimeOption = False,
    server: ServerOption = None,
    tls: TlsOption = False,
    ca: CaOption = None,
    certificate: CertificateOption = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Run again when the manifest or a file of --nodes changes."),
    ] = False,
    debug: Annotated[
        str | None,
        typer.Option(
            metavar="NODE",
            help="Open a debugger on this terminal at breakpoint() in this node.",
            show_default=False,
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Record what enters and leaves, as an .mcap file for replay and inspect.",
            show_default=False,
        ),
    ] = None,
    record_all: Annotated[
        bool, typer.Option("--record-all", help="Record the outputs of every node.")
    ] = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Print where the latency of the results went, to stderr. On a server, this needs "
            "an admin token.",
        ),
    ] = False,
    settings: ConfigOption = None,
    sources: NodesOption = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show no progress, only warnings and errors.")
    ] = False,
    verbose: VerboseOption = False,
) -> None:
    """Run a manifest on files.

    Results go to stdout or files, all messages to stderr. Exit status: 0 success, 1 the pipeline
    failed, 2 the command, an input or the manifest is not valid, 130 Ctrl-C.
    """
    from ..file_run import RunOptions, run_on_changes, run_on_files
    from ..server_target import server_target
    from ..terminal import error_console, errors_reported, logs_shown, stdout_for_results

    console = error_console()
    with errors_reported(console, verbose=verbose):
        if watch:
            run_on_changes(manifest, sources or [], settings, console)
            return
        options = RunOptions(
            manifest=manifest,
            inputs=inputs or [],
            outputs=outputs or [],
            input_kind=input_kind,
            input_format=input_format,
            output_kind=output_kind,
            chunk_ms=chunk_ms,
            realtime=realtime,
            settings=settings,
            sources=sources or [],
            quiet=quiet,
            debug=debug,
            explains=explain,
            record=record,
            record_all=record_all,
            server=server_target(server, tls=tls, ca=ca, certificate=certificate),
        )
        with logs_shown(console, verbose=verbose), stdout_for_results() as stdout:
            run_on_files(options, console, stdout)
