"""A server that is one process."""

import math
import os
import signal
from collections.abc import AsyncIterator, Callable

import trio

from ...config import RuntimeConfig, Server
from ...execution import nodes_interrupted_by_themselves
from ...service import ServiceManager, open_service_manager, raise_descriptor_limit
from .announcements import Announce, announce_address, announce_sweep, http_lines, stopping_line
from .services import open_services


async def serve_in_one_process(config: RuntimeConfig, announce: Announce) -> None:
    """Serve until SIGTERM or SIGINT, and drain then; the second signal cancels what runs.

    Raises:
        ConfigError: a setting is not valid, or an address cannot be listened on.
    """
    raise_descriptor_limit()
    with (
        trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals,
        nodes_interrupted_by_themselves(),
    ):
        async with (
            open_service_manager(os.environ) as manager,
            open_services(config) as services,
            trio.open_nursery() as nursery,
        ):
            announce_sweep(announce, services.runtime.swept)
            for line in http_lines(services.http):
                announce(line)
            server = services.server
            announce_address(announce, server.address, requires_token=server.requires_token)
            await manager.report_ready(f"listening on {server.address}")
            await told_to_stop(
                signals,
                nursery,
                config.server,
                lambda: f"{services.active} calls",
                announce,
                manager,
            )
            await services.drain()
            nursery.cancel_scope.cancel()


async def told_to_stop(
    signals: AsyncIterator[int],
    nursery: trio.Nursery,
    settings: Server,
    running: Callable[[], str],
    announce: Announce,
    manager: ServiceManager,
) -> None:
    """Wait for the first signal, and tell what follows; the second one cancels the nursery.

    Args:
        signals: that end the server.
        nursery: of what drains.
        settings: how the server shuts down.
        running: returns what may end, such as "3 calls".
        announce: tells the person who has started the server.
        manager: of services.
    """
    await anext(signals)
    nursery.start_soon(_cancel_at_next_signal, signals, nursery.cancel_scope)
    status = stopping_line(
        running(), settings.lame_duck_secs, settings.drain_timeout_secs or math.inf
    )
    announce(status)
    await manager.report_stopping(status)


async def _cancel_at_next_signal(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    """Wait for a signal, and cancel what still drains."""
    await anext(signals)
    scope.cancel()
