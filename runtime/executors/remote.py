"""The remote executor: runs nodes on the servers that a manifest names as `host`."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from ..config import RemoteAccess, RemoteSettings, RuntimeConfig, remote_access
from ..errors import NodeError
from .contract import NodeTask
from .remote_part import RunningPart

if TYPE_CHECKING:
    from ..client import RemoteRuntime


class RemoteHosts:
    """The connections to other servers, each opened when a session first needs it.

    Args:
        access: by the operator's names of the servers.
        settings: of the executor.
        nursery: holds the connections.
    """

    def __init__(
        self, access: Mapping[str, RemoteAccess], settings: RemoteSettings, nursery: trio.Nursery
    ) -> None:
        self._access = access
        self._settings = settings
        self._nursery = nursery
        self._open: dict[str, RemoteRuntime] = {}
        self._opening = {name: trio.Lock() for name in access}

    async def get(self, name: str) -> "RemoteRuntime":
        """Return the connection to a server; open it if it is not open.

        Raises:
            UnreachableError: it does not answer.
        """
        async with self._opening[name]:
            if name not in self._open:
                self._open[name] = await self._nursery.start(self._keep_open, name)
            return self._open[name]

    async def _keep_open(  # noqa: ASYNC114 (`get` awaits its start)
        self,
        name: str,
        task_status: "trio.TaskStatus[RemoteRuntime]" = trio.TASK_STATUS_IGNORED,
    ) -> None:
        # Only here, as it imports grpclib.
        from ..client import client_tls, connect

        access, settings = self._access[name], self._settings
        host = access.host
        tls = None
        if host.uses_tls:
            tls = client_tls(host.tls_ca, certificate=host.tls_certificate, key=host.tls_key)
        async with connect(
            host.address,
            token=access.token,
            tls=tls or False,
            timeout_seconds=settings.connect_timeout_secs,
            peer_timeout_seconds=settings.host_timeout_secs,
        ) as client:
            task_status.started(client)
            await trio.sleep_forever()


class RemoteExecutor:
    """Runs the connected nodes of one host as one session there."""

    def __init__(self, hosts: RemoteHosts) -> None:
        self._hosts = hosts
        self._parts: dict[tuple[str, str], RunningPart] = {}

    async def run(self, task: NodeTask) -> None:
        """Run one node. The first node of its part runs the part's stream.

        Raises:
            NodeError: the node failed there, or its host cannot be reached.
            LimitError: the host has no room, or a limit of it is reached.
        """
        plan = task.plan.remote
        if plan is None:
            raise NodeError(task.node_id, "has no host; executor remote runs only nodes with one")
        first = plan.members[0]
        key = task.session_id, first
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = RunningPart(plan)
        part.join(task)
        if task.node_id == first:
            try:
                await part.run(self._hosts.get)
            finally:
                del self._parts[key]
        await task.released.wait()


@asynccontextmanager
async def open_remote_executor(
    _config: RuntimeConfig, settings: RemoteSettings
) -> AsyncIterator[RemoteExecutor]:
    """Open the executor. It connects to a host when a session first needs it.

    Raises:
        ConfigError: a token cannot be read, or is not valid.
    """
    access = remote_access(settings.hosts, os.environ)
    async with trio.open_nursery() as nursery:
        yield RemoteExecutor(RemoteHosts(access, settings, nursery))
        nursery.cancel_scope.cancel()
