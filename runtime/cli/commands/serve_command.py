"""`millrace serve`: the gRPC server."""

import math
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, NodesOption, VerboseOption

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import trio

    from ...config import ServerAddress
    from ...http import HttpServer
    from ...logs import LogOutput
    from ...session import SweepReport
    from ..workspace import Workspace


def serve(
    bind: Annotated[
        str | None,
        typer.Option(
            "--bind",
            metavar="HOST:PORT",
            help="Address to listen on; port 0 takes any free one. Default: server.bind_address of "
            "runtime.toml, or 127.0.0.1:50051.",
            show_default=False,
        ),
    ] = None,
    settings: ConfigOption = None,
    sources: NodesOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Serve pipelines over gRPC, until SIGTERM or Ctrl-C.

    After the first signal, the server takes new calls for server.lame_duck_secs; then running
    sessions have server.drain_timeout_secs to end. The second signal cancels them. Bearer tokens
    come from GRPC_AUTH_TOKENS or server.auth_tokens_file, never from the command line.
    """
    import sys
    from functools import partial

    import trio

    from ...logs import log_written
    from ..terminal import error_console, errors_reported
    from ..workspace import open_workspace

    console = error_console()
    with errors_reported(console, verbose=verbose), open_workspace(settings, sources) as workspace:
        log = workspace.config.log
        if verbose:
            log = log.model_copy(update={"level": "debug"})
        with log_written(log, sys.stderr) as output:
            trio.run(partial(_serve, workspace, output, bind))


async def _serve(workspace: "Workspace", output: "LogOutput", bind: str | None) -> None:
    import os
    import signal
    from functools import partial

    import trio

    from ...config import Origin, Source, with_value
    from ...console import open_console
    from ...execution import nodes_interrupted_by_themselves
    from ...http import open_http_server
    from ...service import open_server, open_service_manager, raise_descriptor_limit
    from ...session import open_runtime
    from ...talk import open_talk

    config = workspace.config
    if bind is not None:
        origin = Origin(Source.COMMAND_LINE, "--bind")
        config = with_value(config, "server.bind_address", bind, origin)
    raise_descriptor_limit()
    is_warm = False
    with (
        trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals,
        nodes_interrupted_by_themselves(),
    ):
        async with (
            open_service_manager(os.environ) as manager,
            open_runtime(config) as runtime,
            open_server(runtime, listens=False) as server,
            open_console(runtime, config.http) as console,
            open_talk(runtime) as talk,
            open_http_server(
                config.http,
                runtime.metrics,
                lambda: is_warm and not server.is_draining,
                console=None if console is None else console.application,
                talk=None if talk is None else talk.application,
            ) as http,
            trio.open_nursery() as nursery,
        ):
            announce = _announcer(workspace, output)
            _announce_sweep(announce, runtime.swept)
            await runtime.warm()
            # Before, a session would wait for the forkserver, half a second on a busy machine.
            server.start_listening()
            is_warm = True
            if http is not None:
                _announce_http(announce, http)
            _announce_address(announce, server.address, is_open=not server.requires_token)
            await manager.report_ready(f"listening on {server.address}")
            await anext(signals)
            nursery.start_soon(_cancel_at_second_signal, signals, nursery.cancel_scope)
            drain_seconds = config.server.drain_timeout_secs or math.inf
            lame_duck_seconds = config.server.lame_duck_secs
            active = server.active_calls + (0 if talk is None else talk.active)
            status = _stopping(active, lame_duck_seconds, drain_seconds)
            announce(status)
            await manager.report_stopping(status)
            async with trio.open_nursery() as draining:
                draining.start_soon(
                    partial(server.drain, drain_seconds, lame_duck_seconds=lame_duck_seconds)
                )
                if talk is not None:
                    draining.start_soon(talk.drain, lame_duck_seconds + drain_seconds)
            nursery.cancel_scope.cancel()


async def _cancel_at_second_signal(
    signals: "AsyncIterator[int]", scope: "trio.CancelScope"
) -> None:
    await anext(signals)
    scope.cancel()


def _stopping(calls: int, lame_duck_seconds: float, drain_seconds: float) -> str:
    still = f"new calls are taken for {lame_duck_seconds:g} s; " if lame_duck_seconds else ""
    end = f"have {drain_seconds:g} s to end" if drain_seconds < math.inf else "may run to their end"
    return f"stopping; {still}{calls} calls {end}"


def _announcer(workspace: "Workspace", output: "LogOutput") -> "Callable[[str], None]":
    """Return what writes the server's state: as a line, or where the log is JSON, as JSON."""
    import logging

    if workspace.config.log.format == "json":
        return logging.getLogger("millrace.serve").info
    return output.announce


def _announce_sweep(announce: "Callable[[str], None]", swept: "SweepReport") -> None:
    if swept.instances:
        announce(
            f"removed the remains of {swept.instances} killed servers: {swept.segments} segments, "
            f"{swept.segment_bytes} bytes"
        )


def _announce_http(announce: "Callable[[str], None]", http: "HttpServer") -> None:
    scheme = "https" if http.uses_tls else "http"
    announce(f"metrics and health on {scheme}://{http.address}")
    if "console" in http.pages:
        announce(f"console on {scheme}://{http.address}/console/")
    if "talk" in http.pages:
        announce(f"talk on {scheme}://{http.address}/talk/")
    is_in_the_clear = not http.uses_tls and not http.address.is_local
    if not http.answers_metrics:
        more = " and talk" if "talk" in http.pages else ""
        announce(f"without tokens, it answers health{more} only: set MILLRACE_HTTP_TOKENS")
    elif is_in_the_clear:
        announce(
            "without TLS, its token crosses the network in the clear: set http.tls_certificate"
        )
    if is_in_the_clear and "talk" in http.pages:
        announce("without TLS, browsers give /talk/ no microphone: set http.tls_certificate")


def _announce_address(
    announce: "Callable[[str], None]", address: "ServerAddress", *, is_open: bool
) -> None:
    announce(f"listening on {address}; Ctrl-C ends it")
    if is_open and not address.is_local:
        announce(
            "without tokens, any client that reaches this address can run pipelines: "
            "set GRPC_AUTH_TOKENS"
        )
