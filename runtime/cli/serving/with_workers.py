"""A server that is several processes: the supervisor's part."""

import os
import sys

import trio

from ...config import (
    Origin,
    RuntimeConfig,
    ServerAddress,
    Source,
    http_access,
    random_replica_id,
    server_access,
    with_value,
)
from ...service import open_service_manager, raise_descriptor_limit
from ...workers import open_supervisor
from ..stop_signals import open_stop_signals
from .announcements import Announce, announce_address
from .one_process import stop_requests, told_to_stop

_COMMAND = [sys.executable, "-P", "-m", f"{__package__}.worker_main"]


async def serve_with_workers(config: RuntimeConfig, announce: Announce) -> None:
    """Supervise workers until SIGTERM, SIGINT or SIGHUP, and let them drain then.

    The second signal ends them.

    Raises:
        ConfigError: a setting is not valid, or an address cannot be listened on.
        WorkerStartError: a worker does not start, or dies again and again.
    """
    access = server_access(config.server, os.environ)
    # One for all workers: clients that attach tell replicas apart by it, and not workers.
    replica = access.replica_id or random_replica_id()
    config = with_value(config, "server.replica_id", replica, Origin(Source.CODE, "supervisor"))
    http_address = _http_address(config)
    raise_descriptor_limit()
    with open_stop_signals() as signals:
        async with (
            open_service_manager(os.environ) as manager,
            stop_requests(signals, announce) as requests,
            open_supervisor(config, _COMMAND, access.address, http_address) as supervisor,
            trio.open_nursery() as nursery,
        ):
            requests.is_started = True
            for line in supervisor.announced:
                announce(line)
            announce_address(
                announce,
                supervisor.address,
                requires_token=access.require_auth,
                workers=config.server.workers,
            )
            await manager.report_ready(f"listening on {supervisor.address}")
            await told_to_stop(
                requests,
                nursery,
                config.server,
                lambda: f"{supervisor.sessions} sessions",
                announce,
                manager,
            )
            supervisor.drain()
            await supervisor.wait_ended()
            nursery.cancel_scope.cancel()


def _http_address(config: RuntimeConfig) -> ServerAddress | None:
    """Return the address of the HTTP port; None if it is off."""
    access = http_access(config.http, os.environ)
    return access.address if access.settings.enabled else None
