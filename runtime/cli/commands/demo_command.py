"""`millrace demo`: a voice assistant for the home."""

from pathlib import Path
from typing import Annotated

import typer

# A longer recording would only use memory.
_LONGEST_SECONDS = 3600
_WEB_PORT = 8765


def demo(
    recording: Annotated[
        Path | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="An audio file to recognize, in place of synthesized commands.",
            show_default=False,
        ),
    ] = None,
    microphone_seconds: Annotated[
        float | None,
        typer.Option(
            "--microphone",
            min=1,
            max=_LONGEST_SECONDS,
            metavar="SECONDS",
            help="Record from the microphone for this long.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", metavar="FILE", help="WAV file for the answers.")
    ] = Path("demo.wav"),
    realtime: Annotated[
        bool,
        typer.Option("--realtime/--no-realtime", help="Send audio no faster than it plays."),
    ] = True,
    web: Annotated[
        bool,
        typer.Option(
            "--web", help="Talk to it in a browser, on a page that only this machine reaches."
        ),
    ] = False,
    port: Annotated[
        int,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            metavar="PORT",
            help="Port of the page, with --web; 0 takes any free one.",
        ),
    ] = _WEB_PORT,
) -> None:
    """Run a voice assistant for the home, on real speech.

    Exit status: 0 all commands were recognized, 1 some were not, or the pipeline failed, 2 the
    command or a file is not valid, 130 Ctrl-C.
    """
    import functools
    import os

    import trio

    from ..demo import run_demo, serve_demo
    from ..errors import FAILED, CommandError
    from ..terminal import error_console, errors_reported, output_console

    console = error_console()
    with errors_reported(console, verbose=False):
        if recording is not None and microphone_seconds is not None:
            raise CommandError("give --input or --microphone, not both")
        if web:
            if recording is not None or microphone_seconds is not None:
                raise CommandError("give --web alone: the browser records")
            announce = functools.partial(console.print, highlight=False, soft_wrap=True)
            trio.run(
                functools.partial(serve_demo, port=port, announce=announce, environment=os.environ)
            )
            return
        succeeded = trio.run(
            functools.partial(
                run_demo,
                recording=recording,
                microphone_seconds=microphone_seconds,
                output=output,
                realtime=realtime,
                out=output_console(),
                err=console,
            )
        )
    raise typer.Exit(0 if succeeded else FAILED)
