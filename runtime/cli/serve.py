"""`millrace serve`: the gRPC server."""

from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, NodesOption, VerboseOption

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import trio
    from rich.console import Console

    from ..config import ServerAddress
    from ..session import SweepReport
    from .workspace import Workspace


def serve(
    bind: Annotated[
        str | None,
        typer.Option(
            "--bind",
            metavar="HOST:PORT",
            help="Where to listen; port 0 takes any free one. Default: runtime.toml's "
            "server.bind_address, 127.0.0.1:50051.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    nodes: NodesOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Serve pipelines over gRPC, until SIGTERM or Ctrl-C.

    The first signal lets running sessions end, within server.drain_timeout_secs; the second ends
    them at once. Tokens come from GRPC_AUTH_TOKENS or server.auth_tokens_file, never from the
    command line.
    """
    import sys
    from functools import partial

    import trio

    from ..logs import log_written
    from .failures import failures_said
    from .screen import error_console
    from .workspace import open_workspace

    console = error_console()
    with failures_said(console, verbose=verbose), open_workspace(config, nodes) as workspace:
        log = workspace.config.log
        if verbose:
            log = log.model_copy(update={"level": "debug"})
        with log_written(log, sys.stderr):
            trio.run(partial(_serve, workspace, console, bind))


async def _serve(workspace: "Workspace", console: "Console", bind: str | None) -> None:
    import signal

    import trio

    from ..config import Origin, Source, with_value
    from ..service import open_server
    from ..session import open_runtime

    config = workspace.config
    if bind is not None:
        origin = Origin(Source.COMMAND_LINE, "--bind")
        config = with_value(config, "server.bind_address", bind, origin)
    drain_seconds = config.server.drain_timeout_secs
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with (
            open_runtime(config) as runtime,
            open_server(runtime) as server,
            trio.open_nursery() as nursery,
        ):
            say = _sayer(workspace, console)
            _say_swept(say, runtime.swept)
            await runtime.warm()
            _say_listening(say, server.address, is_open=not server.requires_token)
            await anext(signals)
            nursery.start_soon(_end_at_second_signal, signals, nursery.cancel_scope)
            say(f"stopping; {server.active_calls} calls have {drain_seconds:g} s to end")
            await server.drain(drain_seconds)
            nursery.cancel_scope.cancel()


async def _end_at_second_signal(signals: "AsyncIterator[int]", scope: "trio.CancelScope") -> None:
    await anext(signals)
    scope.cancel()


def _sayer(workspace: "Workspace", console: "Console") -> "Callable[[str], None]":
    """Return what tells people how the server is, or the log where every line is JSON."""
    import logging

    if workspace.config.log.format == "json":
        return logging.getLogger("millrace.serve").info
    return lambda text: console.print(text, markup=False)


def _say_swept(say: "Callable[[str], None]", swept: "SweepReport") -> None:
    if swept.instances:
        say(
            f"swept what {swept.instances} killed servers had left: {swept.segments} segments, "
            f"{swept.segment_bytes} bytes"
        )


def _say_listening(
    say: "Callable[[str], None]", address: "ServerAddress", *, is_open: bool
) -> None:
    say(f"listening on {address}; Ctrl-C ends it")
    if is_open and not address.is_local:
        say("anyone who reaches this address can run pipelines here: set GRPC_AUTH_TOKENS")
