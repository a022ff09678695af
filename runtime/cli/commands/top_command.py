"""`millrace top`: a running server, live."""

from typing import Annotated

import typer

from ..server_target import TOKEN_VARIABLE
from .options import JsonOption, VerboseOption
from .server_options import CaOption, CertificateOption, TlsOption


def top(
    server: Annotated[
        str | None,
        typer.Argument(
            metavar="HOST:PORT",
            help="The server. Default: 127.0.0.1:50051. The environment variable "
            f"{TOKEN_VARIABLE} holds the admin token.",
            show_default=False,
        ),
    ] = None,
    session: Annotated[
        str | None,
        typer.Option(
            metavar="SESSION",
            help="Show one session: its id, or last for the one that was opened last.",
            show_default=False,
        ),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="Sort sessions by a column, numbers from the largest: session, pipeline, state, "
            "age, in/s, out/s, fill, drops, copies/s, cpu, memory, nodes, slowest or client.",
        ),
    ] = "age",
    reverse: Annotated[bool, typer.Option("--reverse", help="Turn the order round.")] = False,
    filter_text: Annotated[
        str,
        typer.Option(
            "--filter",
            metavar="TEXT",
            help="Show only sessions with this text in their id, pipeline, state, client or "
            "slowest node.",
            show_default=False,
        ),
    ] = "",
    interval: Annotated[
        float, typer.Option(min=0.2, max=60, metavar="SECONDS", help="Between two snapshots.")
    ] = 1.0,
    once: Annotated[
        bool, typer.Option("--once", help="Print one snapshot and exit; needs no terminal.")
    ] = False,
    as_json: JsonOption = False,
    tls: TlsOption = False,
    ca: CaOption = None,
    certificate: CertificateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Show a running server live: its sessions, one session's nodes, and what has ended.

    This needs an admin token. Keys are listed at the bottom of the screen; q ends it.

    Exit status: 0 success, 1 the connection was lost, 2 the server refuses the token, or an option
    is not valid, 130 Ctrl-C.
    """
    from functools import partial

    import trio

    from ..errors import CommandError
    from ..server_target import live_server
    from ..terminal import error_console, errors_reported, output_console
    from ..top import SORT_NAMES, ViewOptions, print_once, show_top

    with errors_reported(error_console(), verbose=verbose):
        if sort not in SORT_NAMES:
            raise CommandError(f"--sort {sort}: expected one of {', '.join(SORT_NAMES)}")
        if as_json and not once:
            raise CommandError("--json needs --once")
        target = live_server(server, tls=tls, ca=ca, certificate=certificate)
        options = ViewOptions(sort, reverse, filter_text)
        show = partial(print_once, as_json=as_json) if once else show_top
        console = output_console()
        trio.run(
            partial(show, target, console, options, session=session, interval_seconds=interval)
        )
