"""`millrace tap`: the outputs of a node of a running session."""

from typing import Annotated

import typer

from .live_options import LiveServerOption, SessionArgument
from .options import VerboseOption
from .server_options import CaOption, CertificateOption, TlsOption


def tap(
    session: SessionArgument,
    nodes: Annotated[
        list[str],
        typer.Argument(
            metavar="NODE[.out]...", help="The nodes whose outputs to show.", show_default=False
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the outputs to a file, its format by suffix, as run --output does.",
            show_default=False,
        ),
    ] = None,
    rate: Annotated[
        bool, typer.Option("--hz", help="Print outputs and bytes a second instead.")
    ] = False,
    count: Annotated[
        int, typer.Option(min=0, metavar="N", help="End after so many outputs; 0 never ends.")
    ] = 0,
    server: LiveServerOption = None,
    tls: TlsOption = False,
    ca: CaOption = None,
    certificate: CertificateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Show what nodes of a running session emit. The session never waits for it.

    Text and JSON are printed; audio is written with --output x.wav, pictures with --output
    frame-%04d.png. Ctrl-C ends it, and leaves the session as it is.
    """
    from functools import partial

    import trio

    from ..live import tap_node
    from ..server_target import live_server
    from ..terminal import error_console, errors_reported, output_console

    console = error_console()
    with errors_reported(console, verbose=verbose):
        target = live_server(server, tls=tls, ca=ca, certificate=certificate)
        trio.run(
            partial(
                tap_node,
                target,
                session,
                nodes,
                output=output,
                rate=rate,
                count=count,
                console=console,
                stdout=output_console(),
            )
        )
