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
    from ...execution.profiling import NodeProfile, StackSampler
    from ...session import Session


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
            help="As in run. Default: results are discarded.",
            show_default=False,
        ),
    ] = None,
    input_kind: InputKindOption = None,
    input_format: InputFormatOption = None,
    chunk_ms: ChunkOption = 20,
    realtime: RealtimeOption = False,
    speedscope: Annotated[
        Path, typer.Option(metavar="FILE", help="File for the flame graphs.")
    ] = Path("profile.speedscope.json"),
    settings: ConfigOption = None,
    sources: NodesOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Run a manifest on files, and show where each node's time went.

    Prints the time of each node: waiting for input, processing, and waiting for its readers. Writes
    flame graphs of the nodes' functions to a file for https://www.speedscope.app, which also works
    offline.
    """
    import json

    from ...execution.profiling import sampling, speedscope_document
    from ..errors import StoppedError
    from ..file_run import RunOptions, run_on_files
    from ..output_file import check_writable, write_file
    from ..tables import print_profile
    from ..terminal import error_console, errors_reported, logs_shown, stdout_for_results

    console = error_console()
    options = RunOptions(
        manifest=manifest,
        inputs=inputs or [],
        outputs=outputs or ["/dev/null"],
        input_kind=input_kind,
        input_format=input_format,
        output_kind=None if outputs else "jsonl",
        chunk_ms=chunk_ms,
        realtime=realtime,
        settings=settings,
        sources=sources or [],
    )
    profiles: list[NodeProfile] = []
    with errors_reported(console, verbose=verbose):
        check_writable(speedscope)
        with (
            logs_shown(console, verbose=verbose),
            stdout_for_results() as stdout,
            sampling() as sampler,
        ):
            stopped: StoppedError | None = None
            try:
                run_on_files(
                    options,
                    console,
                    stdout,
                    on_end=lambda session: profiles.extend(_profiles(session, sampler)),
                )
            except StoppedError as error:  # what was seen so far is what was asked for
                stopped = error
        print_profile(console, profiles)
        write_file(speedscope, json.dumps(speedscope_document(manifest.name, profiles)))
        console.print(f"flame graphs: {speedscope}", style="dim")
        if stopped is not None:
            raise stopped


def _profiles(session: "Session", sampler: "StackSampler") -> "list[NodeProfile]":
    from ...execution.profiling import NodeProfile

    return [
        NodeProfile(
            node,
            statistics.initialize_seconds,
            statistics.waiting_seconds,
            statistics.processing.total_seconds,
            statistics.sending_seconds,
            statistics.stacks or sampler.stacks.get(node, {}),
        )
        for node, statistics in session.statistics().items()
    ]
