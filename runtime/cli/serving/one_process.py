"""A server that is one process."""

import math
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from ...config import RuntimeConfig, Server
from ...errors import UnwrappedErrors
from ...execution import nodes_interrupted_by_themselves
from ...service import ServiceManager, open_service_manager, raise_descriptor_limit
from ..stop_signals import StopSignals, open_stop_signals
from .announcements import Announce, announce_address, announce_sweep, http_lines, stopping_line
from .services import open_services


async def serve_in_one_process(config: RuntimeConfig, announce: Announce) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP, and drain then; the second signal cancels what runs.

    Raises:
        ConfigError: a setting is not valid, or an address cannot be listened on.
    """
    raise_descriptor_limit()
    with (
        open_stop_signals() as signals,
        nodes_interrupted_by_themselves(),
    ):
        async with (
            open_service_manager(os.environ) as manager,
            stop_requests(signals, announce) as requests,
            open_services(config) as services,
            trio.open_nursery() as nursery,
        ):
            requests.is_started = True
            announce_sweep(announce, services.runtime.swept)
            for line in http_lines(services.http):
                announce(line)
            server = services.server
            announce_address(announce, server.address, requires_token=server.requires_token)
            await manager.report_ready(f"listening on {server.address}")
            await told_to_stop(
                requests,
                nursery,
                config.server,
                lambda: f"{services.active} calls",
                announce,
                manager,
            )
            await services.drain()
            nursery.cancel_scope.cancel()


class StopRequests:
    """The signals that end a server, once it has started.

    Attributes:
        is_started: whether it has; before, the first signal ends the start.
    """

    def __init__(self) -> None:
        self.is_started = False
        self.put, self._requests = trio.open_memory_channel[int](math.inf)

    async def wait(self) -> None:
        """Wait for the next one."""
        await self._requests.receive()


@asynccontextmanager
async def stop_requests(signals: StopSignals, announce: Announce) -> AsyncIterator[StopRequests]:
    """Receive the signals during the block; one that comes before the start is over cancels it."""
    requests = StopRequests()

    async def watch() -> None:
        async for number in signals:
            if not requests.is_started:
                announce("stopped before the start was over")
                nursery.cancel_scope.cancel()
                return
            requests.put.send_nowait(number)

    with UnwrappedErrors():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            yield requests
            nursery.cancel_scope.cancel()


async def told_to_stop(
    requests: StopRequests,
    nursery: trio.Nursery,
    settings: Server,
    running: Callable[[], str],
    announce: Announce,
    manager: ServiceManager,
) -> None:
    """Wait for the first signal, and tell what follows; the second one cancels the nursery.

    Args:
        requests: that end the server.
        nursery: of what drains.
        settings: how the server shuts down.
        running: returns what may end, such as "3 calls".
        announce: tells the person who has started the server.
        manager: of services.
    """
    await requests.wait()
    nursery.start_soon(_cancel_at_next, requests, nursery.cancel_scope)
    status = stopping_line(
        running(), settings.lame_duck_secs, settings.drain_timeout_secs or math.inf
    )
    announce(status)
    await manager.report_stopping(status)


async def _cancel_at_next(requests: StopRequests, scope: trio.CancelScope) -> None:
    """Wait for a signal, and cancel what still drains."""
    await requests.wait()
    scope.cancel()
