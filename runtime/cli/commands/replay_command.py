"""`millrace replay`: sends the inputs of a recording through a pipeline again."""

from pathlib import Path
from typing import Annotated

import typer

from ..completion import complete_manifest
from .inspect_command import RecordingArgument
from .options import ConfigOption, NodesOption, VerboseOption


def replay(
    recording: RecordingArgument,
    manifest: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MANIFEST]",
            help="Another pipeline for the inputs.",
            show_default=False,
            autocompletion=complete_manifest,
        ),
    ] = None,
    node: Annotated[
        str | None,
        typer.Option(
            metavar="NODE", help="Run only this node, with what it received.", show_default=False
        ),
    ] = None,
    speed: Annotated[
        str,
        typer.Option(
            metavar="FACTOR|max", help="1 sends inputs as late as recorded, 2 twice as fast."
        ),
    ] = "max",
    tolerance: Annotated[
        float,
        typer.Option(
            min=0, max=1, metavar="FRACTION", help="Numbers may differ by this part of themselves."
        ),
    ] = 0.0,
    write_test: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write a pytest file that runs the node of --node with what it received.",
            show_default=False,
        ),
    ] = None,
    settings: ConfigOption = None,
    sources: NodesOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Send the inputs of a recording through its pipeline again, and compare the outputs.

    Exit status: 0 the outputs are the same, 1 they differ or the pipeline failed, 2 the command,
    the recording or the manifest is not valid.
    """
    from ...recording import open_recording, write_node_test
    from ..errors import CommandError
    from ..replay_run import replay_factor, run_replay
    from ..tables import print_replay
    from ..terminal import (
        error_console,
        errors_reported,
        logs_shown,
        output_console,
        stdout_for_results,
    )
    from ..workspace import open_workspace

    console = error_console()
    with errors_reported(console, verbose=verbose):
        factor = replay_factor(speed)
        opened = open_recording(recording)
        if write_test is not None:
            if node is None:
                raise CommandError("--write-test needs --node NODE: it writes a test of one node")
            path = write_node_test(opened, node, write_test)
            output_console().print(f"wrote {path}")
            return
        with (
            logs_shown(console, verbose=verbose),
            stdout_for_results(),
            open_workspace(settings, sources) as workspace,
        ):
            result = run_replay(
                workspace.with_any_override(),
                opened,
                manifest,
                node=node,
                speed=factor,
                tolerance=tolerance,
            )
        print_replay(output_console(), result)
        if result.error is not None:
            raise result.error
        if result.differences:
            raise typer.Exit(1)
