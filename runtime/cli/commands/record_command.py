"""`millrace record`: record a session of a running server."""

from pathlib import Path
from typing import Annotated

import typer

from .live_options import LiveServerOption, SessionArgument
from .options import VerboseOption
from .server_options import CaOption, CertificateOption, TlsOption


def record(
    session: SessionArgument,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The .mcap file to write.", show_default=False)
    ],
    nodes: Annotated[
        list[str] | None,
        typer.Option(
            "--node", metavar="NODE", help="Record only the outputs of this node. Repeatable."
        ),
    ] = None,
    server: LiveServerOption = None,
    tls: TlsOption = False,
    ca: CaOption = None,
    certificate: CertificateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Record a session of a running server until it ends, or Ctrl-C. This needs an admin token.

    What enters the session and what its nodes emit is recorded, for inspect and replay.
    """
    import trio

    from ..live import record_session
    from ..server_target import live_server
    from ..terminal import error_console, errors_reported

    console = error_console()
    with errors_reported(console, verbose=verbose):
        target = live_server(server, tls=tls, ca=ca, certificate=certificate)

        def tell_began(session_id: str) -> None:
            console.print(f"recording session {session_id}; Ctrl-C ends it")

        items = trio.run(record_session, target, session, file, nodes or [], tell_began)
        console.print(f"recorded {items} items to {file}")
