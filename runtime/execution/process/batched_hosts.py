"""Keeps the batched hosts of a runtime: starts them when needed, and ends those without nodes."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import trio

from ...errors import LimitError, MillraceError, PipelineError
from ..call_clock import wait_overdue
from .forkserver import Forkserver
from .forkserver_keeper import ForkserverKeeper
from .hosted_process import HostedProcess, open_hosted_process
from .log_records import NodeRecord
from .messages import HostSpec, HostStart
from .node_process import NodeProcess
from .watchdog import HEARTBEAT_SECONDS

# A host without nodes has only its actor's cleanup() to do.
_END_SECONDS: Final = 5.0
_DUMP_SECONDS: Final = 1.0
# For the output that is still in the pipe when a host has ended.
_LAST_OUTPUT_SECONDS: Final = 2.0

_log = logging.getLogger("millrace.hosts")


@dataclass(frozen=True, slots=True)
class HostLimits:
    """What hosts may do.

    Attributes:
        nodes: of one host at once.
        hosts: at once.
        idle_seconds: after which a host without nodes ends.
        call_seconds: how long one call of `process_batch` may last, before the host counts as hung.
    """

    nodes: int
    hosts: int
    idle_seconds: float
    call_seconds: float


class Host:
    """One batched host, from its start to its end.

    Attributes:
        spec: what it runs.
        nodes: that it has, or that wait for it.
        hung: how, if it was killed because it hung; empty otherwise.
        started: set when it has its process, or cannot be started.
        error: why it cannot be started.
    """

    def __init__(self, spec: HostSpec) -> None:
        self.spec = spec
        self.nodes = 0
        self.hung = ""
        self.started = trio.Event()
        self.error: MillraceError | None = None
        self.used = trio.current_time()
        self.scope = trio.CancelScope()
        self.is_suspect = False
        self._process: NodeProcess | None = None
        self._dumping = trio.Lock()

    @property
    def process(self) -> NodeProcess:
        """Its process, once it is started."""
        assert self._process is not None
        return self._process

    def set_started(self, process: NodeProcess) -> None:
        """Note its process."""
        self._process = process
        self.started.set()

    async def dump_stacks(self, seconds: float) -> str:
        """Return the stacks of its threads, as far as they come in time; one call at a time."""
        async with self._dumping:
            return await self.process.dump_stacks(seconds)

    def suspect(self) -> None:
        """Give it no other node: it has not released one in time."""
        if not self.is_suspect:
            _log.warning("host of %s: it has not released a node in time", self.spec.target)
        self.is_suspect = True


class BatchedHosts:
    """The hosts, by what they run. Nodes with equal specifications share one as far as it has room.

    Args:
        forkserver: forks them.
        nursery: in which they run.
        limits: what they may do.
        log_level: the lowest level of the records that the server's log takes.
        on_line: takes a line that a host has printed.
        on_record: takes a record that a host has logged.
    """

    def __init__(
        self,
        forkserver: Forkserver | ForkserverKeeper,
        nursery: trio.Nursery,
        limits: HostLimits,
        *,
        log_level: int,
        on_line: Callable[[str], None],
        on_record: Callable[[NodeRecord], None],
    ) -> None:
        self._forkserver = forkserver
        self._nursery = nursery
        self._limits = limits
        self._log_level = log_level
        self._on_line = on_line
        self._on_record = on_record
        self._hosts: list[Host] = []

    @asynccontextmanager
    async def joined(self, spec: HostSpec) -> AsyncIterator[HostedProcess]:
        """Open a node in a host, which may have to be started; the caller ends it within the block.

        Raises:
            LimitError: there are as many hosts as there may be, or the machine has no resources.
            PipelineError: the host cannot be started, or has ended.
        """
        host = self._host(spec)
        host.nodes += 1
        try:
            await host.started.wait()
            if host.error is not None:
                raise type(host.error)(str(host.error)) from host.error
            yield await open_hosted_process(host)
        finally:
            host.nodes -= 1
            host.used = trio.current_time()
            if not host.nodes and host.is_suspect:
                self._end(host)

    def _host(self, spec: HostSpec) -> Host:
        """Return a host with room for a node: the fullest one, so that others become idle."""
        most = self._limits.nodes
        rooms = [
            each
            for each in self._hosts
            if each.spec == spec and each.nodes < most and not each.is_suspect
        ]
        if rooms:
            return max(rooms, key=lambda each: each.nodes)
        if len(self._hosts) >= self._limits.hosts:
            self._evict()
        host = Host(spec)
        self._hosts.append(host)
        self._nursery.start_soon(self._keep, host)
        return host

    def _evict(self) -> None:
        """End the host that has been idle for the longest time.

        Raises:
            LimitError: all have nodes.
        """
        idle = [each for each in self._hosts if not each.nodes]
        if not idle:
            raise LimitError(
                f"no host can be started: {self._limits.hosts} run, the most that there may be "
                "(executors.shared.max_hosts), and all have nodes"
            )
        self._end(min(idle, key=lambda each: each.used))

    def _end(self, host: Host) -> None:
        """End a host without nodes; no other one gets it from now on."""
        self._forget(host)
        host.scope.cancel()

    async def _keep(self, host: Host) -> None:
        try:
            with host.scope:
                process = await self._forkserver.fork()
                try:
                    await self._run(host, process)
                finally:
                    self._forget(host)
                    await process.end(grace_seconds=_END_SECONDS, terminate=False)  # noqa: ASYNC102 (shielded)
        except MillraceError as error:
            host.error = error
        finally:
            self._forget(host)
            if host.error is None and not host.started.is_set():
                host.error = PipelineError("its host was ended while it started")
            host.started.set()

    def _forget(self, host: Host) -> None:
        if host in self._hosts:
            self._hosts.remove(host)

    async def _run(self, host: Host, process: NodeProcess) -> None:
        target = host.spec.target
        start = HostStart(host.spec, self._log_level, process.record_mark.text)
        try:
            await process.send_spec(start, [])
        except trio.BrokenResourceError as error:
            raise PipelineError("its host ended while it started") from error
        _log.info("host_started target=%s pid=%d", target, process.pid)
        host.set_started(process)
        async with trio.open_nursery() as output, trio.open_nursery() as nursery:
            output.start_soon(process.read_output, self._on_line, self._on_record)
            nursery.start_soon(self._kill_if_hung, host)
            nursery.start_soon(self._kill_if_stopped, host)
            nursery.start_soon(self._end_when_idle, host)
            exited = await process.wait()
            self._forget(host)
            if host.nodes:
                _log.error("host of %s ended (%s), with %d nodes", target, exited, host.nodes)
            nursery.cancel_scope.cancel()
            output.cancel_scope.deadline = trio.current_time() + _LAST_OUTPUT_SECONDS

    async def _end_when_idle(self, host: Host) -> None:
        seconds = self._limits.idle_seconds
        while True:
            await trio.sleep_until(host.used + seconds)
            if host.nodes:
                host.used = trio.current_time()
            elif trio.current_time() >= host.used + seconds:
                self._end(host)

    async def _kill_if_hung(self, host: Host) -> None:
        await wait_overdue(host.process.activity.times, self._limits.call_seconds)
        await self._kill(
            host, f"a call of process_batch() has not returned for {self._limits.call_seconds:g} s"
        )

    async def _kill_if_stopped(self, host: Host) -> None:
        was_stopped = False
        while True:
            await trio.sleep(HEARTBEAT_SECONDS)
            is_stopped = host.process.is_stopped()
            if is_stopped and was_stopped:
                break
            was_stopped = is_stopped
        await self._kill(host, "its process was stopped by a signal (SIGSTOP)")

    async def _kill(self, host: Host, reason: str) -> None:
        """Kill a host that hangs; all of its nodes end with the reason."""
        if host.hung:
            return
        host.hung = reason
        stacks = await host.dump_stacks(_DUMP_SECONDS)
        _log.error("host of %s is killed: %s\n%s", host.spec.target, host.hung, stacks)
        await host.process.end(grace_seconds=0)
