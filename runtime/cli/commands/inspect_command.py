"""`millrace inspect`: what a recording holds."""

from pathlib import Path
from typing import Annotated

import typer

from .options import JsonOption, VerboseOption

RecordingArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A recording, .mcap.", show_default=False)
]


def inspect(
    recording: RecordingArgument,
    follow: Annotated[
        int | None,
        typer.Option(
            metavar="SEQUENCE",
            help="Show the way of one chunk through all recorded nodes.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Show the session, nodes, counts, durations and gaps of a recording.

    Exit status: 0 success, 2 the file is no recording.
    """
    from ...recording import open_recording
    from ..tables import print_chunk, print_recording, recording_value
    from ..terminal import error_console, errors_reported, output_console, print_json

    with errors_reported(error_console(), verbose=verbose):
        opened = open_recording(recording)
        console = output_console()
        if follow is not None:
            print_chunk(console, opened, follow)
        elif as_json:
            print_json(recording_value(opened))
        else:
            print_recording(console, opened)
