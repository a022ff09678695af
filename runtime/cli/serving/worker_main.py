"""A worker, as its supervisor runs it: `python -m runtime.cli.serving.worker_main DESCRIPTOR`."""

import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

import trio
import typer
from setproctitle import setproctitle

from ...execution import nodes_interrupted_by_themselves
from ...execution.process import die_with_parent
from ...logs import log_written
from ...service import raise_descriptor_limit
from ...workers import open_member
from ..leftover_threads import exit_despite_threads
from ..standard_streams import discard_unwritten, prepare_streams
from ..terminal import error_console, errors_reported
from .announcements import announce_sweep, announcer, http_lines
from .services import open_services

# A terminal sends them to all processes of the server.
_OF_SUPERVISOR: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_log: Final = logging.getLogger("millrace.workers")


def main() -> None:
    """Serve as a worker, and exit.

    A worker that has not started yet is ended by SIGTERM with its supervisor. Later it reads the
    end of the control channel, and cleans up.
    """
    die_with_parent(signal.SIGTERM)
    prepare_streams()
    control = socket.socket(fileno=int(sys.argv[1]))
    try:
        with errors_reported(error_console(), verbose=False):
            trio.run(partial(_work, control))
    except typer.Exit as ended:
        exit_despite_threads(ended.exit_code)
    else:
        exit_despite_threads(0)
    finally:
        discard_unwritten()


async def _work(control: socket.socket) -> None:
    with (
        trio.open_signal_receiver(*_OF_SUPERVISOR) as signals,
        nodes_interrupted_by_themselves(),
    ):
        async with open_member(control) as member, trio.open_nursery() as nursery:
            nursery.start_soon(_ignore, signals)
            spec = member.spec
            setproctitle(f"millrace: worker {spec.number}")
            raise_descriptor_limit()
            with log_written(spec.config.log, sys.stderr) as output:
                async with open_services(spec.config, member) as services:
                    runtime = services.runtime
                    announce_sweep(announcer(spec.config.log, output), runtime.swept)
                    member.report_ready(
                        runtime.metrics,
                        services.server.calls_path,
                        tuple(http_lines(services.http)),
                    )
                    await member.draining.wait()
                    await services.drain()
            nursery.cancel_scope.cancel()


async def _ignore(signals: AsyncIterator[int]) -> None:
    """Ignore signals: the supervisor decides when its workers end.

    A service manager may send one to all processes of the server.
    """
    async for number in signals:
        _log.debug("signal ignored", extra={"signal": signal.Signals(number).name})


if __name__ == "__main__":
    main()
