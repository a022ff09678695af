"""`millrace demo`."""

import functools
from pathlib import Path
from typing import Annotated

import typer


def demo(
    recording: Annotated[
        Path | None,
        typer.Option("--input", help="A WAV file to listen to, instead of commands of our own."),
    ] = None,
    microphone_seconds: Annotated[
        float | None,
        typer.Option("--microphone", min=1, help="Listen to the microphone, for so many seconds."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", help="The WAV file that the answers are written to.")
    ] = Path("demo.wav"),
    real_time: Annotated[
        bool, typer.Option(help="Feed the audio at the pace at which it sounds.")
    ] = True,
) -> None:
    """Run a voice assistant for the home, on real speech.

    Exit status: 0 all was understood, 1 it was not, or the pipeline failed, 2 the command or a file
    is not valid, 130 Ctrl-C.
    """
    import trio

    from runtime.cli.demo import run_demo

    from .failures import FAILED, failures_said
    from .screen import error_console, output_console

    if recording is not None and microphone_seconds is not None:
        raise typer.BadParameter("give --input or --microphone, not both")
    console = error_console()
    with failures_said(console, verbose=False):
        succeeded = trio.run(
            functools.partial(
                run_demo,
                recording=recording,
                microphone_seconds=microphone_seconds,
                output=output,
                real_time=real_time,
                out=output_console(),
                err=console,
            )
        )
    raise typer.Exit(0 if succeeded else FAILED)
