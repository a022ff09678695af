"""`millrace profile`: where the time of a manifest's nodes goes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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

if TYPE_CHECKING:
    from ..execution.profiling import NodeProfile, StackSampler
    from ..session import Session


def profile(
    manifest: ManifestArgument,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", metavar="[NODE=]FILE", help="As in run.", show_default=False),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="[NODE=]FILE",
            help="As in run. Default: results are thrown away.",
            show_default=False,
        ),
    ] = None,
    input_kind: InputKindOption = None,
    input_format: InputFormatOption = None,
    chunk_ms: ChunkOption = 20,
    realtime: RealtimeOption = False,
    speedscope: Annotated[
        Path, typer.Option(metavar="FILE", help="Where the flame graphs go.")
    ] = Path("profile.speedscope.json"),
    config: ConfigOption = None,
    nodes: NodesOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Run a manifest on files, and say where each node's time went.

    Waiting for input, processing, or waiting for readers; and as flame graphs which functions of
    the nodes used the processor, in a file for https://www.speedscope.app, which works offline too.
    """
    import json

    from ..execution.profiling import sampling, speedscope_document
    from .failures import CommandError, failures_said
    from .node_logs import logs_shown
    from .run_files import FilesRun, run_files
    from .screen import error_console, stdout_for_results
    from .tables import profile_table

    console = error_console()
    results = outputs or ["/dev/null"]
    kind = None if outputs else "jsonl"
    asked = FilesRun(
        manifest,
        inputs or [],
        results,
        input_kind,
        kind,
        chunk_ms,
        realtime,
        config,
        nodes or [],
        quiet=False,
        input_format=input_format,
    )
    profiles: list[NodeProfile] = []
    with failures_said(console, verbose=verbose):
        with (
            logs_shown(console, verbose=verbose),
            stdout_for_results() as stdout,
            sampling() as sampler,
        ):
            run_files(
                asked,
                console,
                stdout,
                ended=lambda session: profiles.extend(_profiles(session, sampler)),
            )
        console.print(profile_table(profiles))
        try:
            speedscope.write_text(json.dumps(speedscope_document(manifest.name, profiles)), "utf-8")
        except OSError as error:
            raise CommandError(f"{speedscope}: cannot be written: {error.strerror}") from error
        console.print(f"flame graphs: {speedscope}", style="dim", markup=False)


def _profiles(session: "Session", sampler: "StackSampler") -> "list[NodeProfile]":
    from ..execution.profiling import NodeProfile

    return [
        NodeProfile(
            node,
            figures.initialize_seconds,
            figures.waiting_seconds,
            figures.processing.total_seconds,
            figures.sending_seconds,
            figures.stacks or sampler.stacks.get(node, {}),
        )
        for node, figures in session.statistics().items()
    ]
