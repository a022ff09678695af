"""A server that is one process."""

import math
import os
import signal
from collections.abc import AsyncIterator

import trio

from ...config import RuntimeConfig
from ...execution import nodes_interrupted_by_themselves
from ...service import open_service_manager, raise_descriptor_limit
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
            await anext(signals)
            nursery.start_soon(cancel_at_next_signal, signals, nursery.cancel_scope)
            settings = config.server
            status = stopping_line(
                f"{services.active} calls",
                settings.lame_duck_secs,
                settings.drain_timeout_secs or math.inf,
            )
            announce(status)
            await manager.report_stopping(status)
            await services.drain()
            nursery.cancel_scope.cancel()


async def cancel_at_next_signal(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    """Wait for a signal, and cancel what still drains."""
    await anext(signals)
    scope.cancel()
