"""`millrace explain`: where the latency of a running session's results goes."""

from typing import Annotated

import typer

from ..server_target import TOKEN_VARIABLE
from .live_options import SessionArgument
from .options import JsonOption, VerboseOption
from .server_options import CaOption, CertificateOption, TlsOption


def explain(
    server: Annotated[
        str,
        typer.Argument(
            metavar="HOST:PORT",
            help=f"The server. The environment variable {TOKEN_VARIABLE} holds the admin token.",
            show_default=False,
        ),
    ],
    session: SessionArgument = "last",
    seconds: Annotated[
        float,
        typer.Option(
            min=0.5,
            max=3600,
            metavar="SECONDS",
            help="With --once: how long the session is followed.",
        ),
    ] = 5.0,
    interval: Annotated[
        float, typer.Option(min=0.2, max=60, metavar="SECONDS", help="Between two pictures.")
    ] = 1.0,
    once: Annotated[
        bool, typer.Option("--once", help="Print one summary and exit; needs no terminal.")
    ] = False,
    as_json: JsonOption = False,
    tls: TlsOption = False,
    ca: CaOption = None,
    certificate: CertificateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Show where the latency of a running session's results goes.

    Which node owns the median and the 99th percentile, and why; and a waterfall of typical results
    and of the slowest: waiting in a queue, on its way over a link, held, processed, waiting for
    room. The parts sum up to the whole.

    This needs an admin token. The session is followed only as long as this command runs. Ctrl-C
    ends it, and leaves the session as it is.

    Exit status: 0 success, 1 the connection was lost, 2 there is no such session, no result came in
    time, the server refuses the token, or an option is not valid, 130 Ctrl-C.
    """
    from functools import partial

    import trio

    from ..errors import CommandError
    from ..live import explain_session
    from ..server_target import live_server
    from ..terminal import error_console, errors_reported, output_console

    with errors_reported(error_console(), verbose=verbose):
        if as_json and not once:
            raise CommandError("--json needs --once")
        target = live_server(server, tls=tls, ca=ca, certificate=certificate)
        trio.run(
            partial(
                explain_session,
                target,
                session,
                output_console(),
                interval_seconds=min(interval, seconds) if once else interval,
                once_seconds=seconds if once else None,
                as_json=as_json,
            )
        )
