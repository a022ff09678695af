"""`millrace send`, `bypass`, `disable` and `enable`: change a running session."""

from collections.abc import Callable
from typing import Annotated

import typer

from .live_options import LiveServerOption, NodeArgument, SessionArgument
from .options import VerboseOption
from .server_options import CaOption, CertificateOption, TlsOption


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


def _state_command(name: str, state: str, summary: str) -> Callable[..., None]:
    """Return a command that sets the state of a node; the NodeState is named, not imported yet."""

    def command(
        session: SessionArgument,
        node: NodeArgument,
        server: LiveServerOption = None,
        tls: TlsOption = False,
        ca: CaOption = None,
        certificate: CertificateOption = None,
        verbose: VerboseOption = False,
    ) -> None:
        import trio

        from ...wire import NodeState
        from ..live import set_state
        from ..server_target import live_server
        from ..terminal import error_console, errors_reported

        console = error_console()
        with errors_reported(console, verbose=verbose):
            target = live_server(server, tls=tls, ca=ca, certificate=certificate)
            trio.run(set_state, target, session, node, NodeState[state])
            console.print(f"node {node} is now {state.lower()}")

    command.__name__, command.__doc__ = name, summary
    return command


bypass = _state_command(
    "bypass", "BYPASS", "Let a node of a running session emit its input as it is."
)
disable = _state_command(
    "disable", "DISABLED", "Let a node of a running session drop its input, and emit nothing."
)
enable = _state_command(
    "enable", "ENABLED", "Let a node of a running session process its input again."
)
