"""`millrace send`, `bypass`, `disable` and `enable`: change a running session."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .live_options import LiveServerOption, NodeArgument, SessionArgument
from .options import VerboseOption
from .server_options import CaOption, CertificateOption, TlsOption

if TYPE_CHECKING:
    from ...wire import NodeState


def send(
    session: SessionArgument,
    node: NodeArgument,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Audio, text, JSON, or an image.")],
    server: LiveServerOption = None,
    tls: TlsOption = False,
    ca: CaOption = None,
    certificate: CertificateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Send the items of a file into a node of a running session.

    The results go downstream and to the session's client, as those of its own chunks do.
    """
    import trio

    from ..live import publish_file
    from ..server_target import live_server
    from ..terminal import error_console, errors_reported

    console = error_console()
    with errors_reported(console, verbose=verbose):
        target = live_server(server, tls=tls, ca=ca, certificate=certificate)
        count = trio.run(publish_file, target, session, node, file)
        console.print(f"sent {count} items")


def bypass(
    session: SessionArgument,
    node: NodeArgument,
    server: LiveServerOption = None,
    tls: TlsOption = False,
    ca: CaOption = None,
    certificate: CertificateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Let a node of a running session emit its input as it is."""
    from ...wire import NodeState

    _set_state(session, node, NodeState.BYPASS, server, tls, ca, certificate, verbose=verbose)


def disable(
    session: SessionArgument,
    node: NodeArgument,
    server: LiveServerOption = None,
    tls: TlsOption = False,
    ca: CaOption = None,
    certificate: CertificateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Let a node of a running session drop its input, and emit nothing."""
    from ...wire import NodeState

    _set_state(session, node, NodeState.DISABLED, server, tls, ca, certificate, verbose=verbose)


def enable(
    session: SessionArgument,
    node: NodeArgument,
    server: LiveServerOption = None,
    tls: TlsOption = False,
    ca: CaOption = None,
    certificate: CertificateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Let a node of a running session process its input again."""
    from ...wire import NodeState

    _set_state(session, node, NodeState.ENABLED, server, tls, ca, certificate, verbose=verbose)


def _set_state(
    session: str,
    node: str,
    state: "NodeState",
    server: str | None,
    tls: bool,
    ca: Path | None,
    certificate: Path | None,
    *,
    verbose: bool,
) -> None:
    import trio

    from ..live import set_state
    from ..server_target import live_server
    from ..terminal import error_console, errors_reported

    console = error_console()
    with errors_reported(console, verbose=verbose):
        target = live_server(server, tls=tls, ca=ca, certificate=certificate)
        trio.run(set_state, target, session, node, state)
        console.print(f"node {node} is now {state.name.lower()}")
