"""`millrace run`: a manifest on files."""

from typing import Annotated

import typer

from .options import (
    OUTPUT_KINDS,
    ChunkOption,
    ConfigOption,
    InputFormatOption,
    InputKindOption,
    ManifestArgument,
    NodesOption,
    RealtimeOption,
    VerboseOption,
)
from .server_option import CaOption, CertificateOption, ServerOption, TlsOption, server_choice


def run(
    manifest: ManifestArgument,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="[NODE=]FILE",
            help="What goes in: audio, text, JSON, an image, a film; - is stdin. Several go in one "
            "after the other; those of different nodes at once. Default: stdin.",
            show_default=False,
        ),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="[NODE=]FILE",
            help="Where to write results, by suffix: .wav .flac .mp3 .ogg .m4a .txt .srt .jsonl "
            ".png .jpg; - is stdout, as lines. May be given several times. Default: stdout.",
            show_default=False,
        ),
    ] = None,
    input_kind: InputKindOption = None,
    input_format: InputFormatOption = None,
    output_kind: Annotated[
        str | None,
        typer.Option(metavar="KIND", help=f"How all outputs are written: {OUTPUT_KINDS}."),
    ] = None,
    chunk_ms: ChunkOption = 20,
    realtime: RealtimeOption = False,
    server: ServerOption = None,
    tls: TlsOption = False,
    ca: CaOption = None,
    certificate: CertificateOption = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", help="Run again whenever the manifest or a file of --nodes changes."
        ),
    ] = False,
    debug: Annotated[
        str | None,
        typer.Option(
            metavar="NODE",
            help="Let breakpoint() in this node stop in a debugger on this terminal.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    nodes: NodesOption = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show no progress, only warnings and errors.")
    ] = False,
    verbose: VerboseOption = False,
) -> None:
    """Run a manifest on files.

    Results go to stdout or files, all else to stderr. Exit status: 0 success, 1 the pipeline
    failed, 2 the command, an input or the manifest is not valid, 130 Ctrl-C.
    """
    from .failures import failures_said
    from .node_logs import logs_shown
    from .run_files import FilesRun, run_files
    from .screen import error_console, stdout_for_results

    console = error_console()
    with failures_said(console, verbose=verbose):
        if watch:
            from .watch import run_again_and_again

            run_again_and_again(manifest, nodes or [], config, console)
            return
        asked = FilesRun(
            manifest,
            inputs or [],
            outputs or [],
            input_kind,
            output_kind,
            chunk_ms,
            realtime,
            config,
            nodes or [],
            quiet,
            debug,
            server_choice(server, tls=tls, ca=ca, certificate=certificate),
            input_format,
        )
        with logs_shown(console, verbose=verbose), stdout_for_results() as stdout:
            run_files(asked, console, stdout)
