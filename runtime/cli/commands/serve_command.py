"""`millrace serve`: the gRPC server."""

from typing import Annotated

import typer

from .options import ConfigOption, NodesOption, VerboseOption


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
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            help="Server processes that share the port. Default: server.workers of runtime.toml, "
            "or 1.",
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
    import logging
    import sys
    from functools import partial

    import trio

    from ...config import Origin, Source, with_value
    from ...logs import log_written
    from ...plan import faults_of_named, known_executors
    from ..serving import announcer, serve_in_one_process, serve_with_workers
    from ..terminal import error_console, errors_reported
    from ..workspace import open_workspace

    with errors_reported(error_console(), verbose=verbose):
        with open_workspace(settings, sources) as workspace:
            config = workspace.config
            names = known_executors(config.executors)
            without_effect = list(
                faults_of_named(config, workspace.catalogue, workspace.describer, names)
            )
        for key, value, option in (
            ("server.bind_address", bind, "--bind"),
            ("server.workers", workers, "--workers"),
            ("log.level", "debug" if verbose else None, "--verbose"),
        ):
            if value is not None:
                config = with_value(config, key, value, Origin(Source.COMMAND_LINE, option))
        run = serve_in_one_process if config.server.workers == 1 else serve_with_workers
        with log_written(config.log, sys.stderr) as output:
            for fault in without_effect:
                fields = {"setting": fault.where, "reason": fault.message}
                logging.getLogger("millrace.config").warning("setting has no effect", extra=fields)
            trio.run(partial(run, config, announcer(config.log, output)))
