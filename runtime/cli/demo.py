"""`millrace demo`."""

import functools
import sys
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
    """Run a voice assistant for the home, on real speech."""
    import trio
    from rich.console import Console

    from runtime.demo.command import run_demo
    from runtime.errors import MillraceError

    if recording is not None and microphone_seconds is not None:
        raise typer.BadParameter("give --input or --microphone, not both")
    err = Console(stderr=True)
    try:
        succeeded = trio.run(
            functools.partial(
                run_demo,
                recording=recording,
                microphone_seconds=microphone_seconds,
                output=output,
                real_time=real_time,
                out=Console(),
                err=err,
            )
        )
    except (MillraceError, OSError) as error:
        err.print(f"error: {error}", style="red", markup=False, highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0 if succeeded else 1)
