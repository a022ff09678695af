"""`millrace sessions` and `millrace kill`: the sessions of a running server."""

from typing import Annotated

import typer

from .live_options import LiveServerOption, SessionArgument
from .options import JsonOption, VerboseOption
from .server_options import CaOption, CertificateOption, TlsOption


def sessions(
    server: LiveServerOption = None,
    tls: TlsOption = False,
    ca: CaOption = None,
    certificate: CertificateOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """List the sessions of a running server. This needs an admin token.

    Exit status: 0 success, 2 the server cannot be reached or refuses the token.
    """
    import trio

    from ..live import list_sessions, session_value
    from ..server_target import live_server
    from ..tables import print_sessions
    from ..terminal import error_console, errors_reported, output_console, print_json

    with errors_reported(error_console(), verbose=verbose):
        target = live_server(server, tls=tls, ca=ca, certificate=certificate)
        found = trio.run(list_sessions, target)
        if as_json:
            print_json(list(map(session_value, found)))
        else:
            print_sessions(output_console(), found)


def kill(
    session: SessionArgument,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Told to the session's client.")] = "",
    server: LiveServerOption = None,
    tls: TlsOption = False,
    ca: CaOption = None,
    certificate: CertificateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """End a session of a running server. This needs an admin token."""
    import trio

    from ..live import kill_session
    from ..server_target import live_server
    from ..terminal import error_console, errors_reported

    console = error_console()
    with errors_reported(console, verbose=verbose):
        target = live_server(server, tls=tls, ca=ca, certificate=certificate)
        ended = trio.run(kill_session, target, session, reason)
        console.print(f"ended session {ended}")
