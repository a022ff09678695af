"""A node behind a socket, as the server sees it. Every executor at `Place.SOCKET` can use it."""

import ipaddress
import os
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import trio

from actors import DataError

from ..errors import InitTimeoutError, NodeError, ProcessTimeoutError
from ..execution.process import (
    CONTROL_LINK,
    PULSE_LINK,
    TAP_MEMORY_BYTES,
    ControlToNode,
    InServerTime,
    MessageSocket,
    NodeSpec,
    OutgoingLink,
    ServerEnd,
    SocketLinks,
)
from ..links import PeerError
from ..links.socket import (
    SILENCE_SECONDS,
    Address,
    DialledLink,
    LinkRefusedError,
    SocketEnds,
    dial,
    watch_pulse,
)
from .contract import NodeTask
from .node_messages import NodeMessages

# A process that has closed its connection is about to be known as dead by whoever supervises it,
# who knows why.
_EXIT_SECONDS: Final = 2.0


def _ignore() -> None:
    """Do nothing."""


async def run_socket_node(
    task: NodeTask,
    address: Address,
    *,
    tls: ssl.SSLContext | None = None,
    is_local: bool = False,
    environment: Mapping[str, str] | None = None,
    silence_seconds: float = SILENCE_SECONDS,
    on_lost: Callable[[], None] = _ignore,
) -> None:
    """Run a node in a process that listens behind a socket, until the node is released.

    The process runs `runtime.execution.process.run_node_behind_socket`, and has the secret of
    `task.socket_ends()`. The executor starts and ends it, and raises its own error if it knows
    better why the process is gone; this waits for that for 2 s.

    Args:
        task: the node.
        address: where the process listens.
        tls: checks the certificate of the process; None: without TLS.
        is_local: whether the process finds modules where this one does.
        environment: variables that are set before the actor's module is imported.
        silence_seconds: how long the process may give no sign of life.
        on_lost: is called when the process cannot be reached any more, is stopped, or has closed
            its connection without having said why.

    Raises:
        NodeError: the node failed, or its process cannot be reached any more; or the node has keys
            of endpoints, and the link to another machine has no TLS.
        LimitError: the node needs more memory than it may have.
    """
    if task.grants.models and tls is None and not _is_loopback(address[0]):
        raise NodeError(
            task.node_id,
            f"its endpoints have keys ({', '.join(task.grants.models)}), which would cross the "
            f"network to {address[0]} in the clear; its executor must use TLS",
        )
    ends = task.socket_ends()
    ends.report_address(address)
    try:
        control = await dial(address, ends.secret, CONTROL_LINK, tls=tls)
    except LinkRefusedError as error:
        raise NodeError(task.node_id, f"its process cannot be reached: {error}") from error
    try:
        node = _SocketNode(task, ends, control, address, tls, silence_seconds, on_lost)
        await node.run(_sys_path(is_local), dict(environment or {}))
    finally:
        control.sock.close()


class _SocketNode(NodeMessages):
    def __init__(
        self,
        task: NodeTask,
        ends: SocketEnds,
        control: DialledLink,
        address: Address,
        tls: ssl.SSLContext | None,
        silence_seconds: float,
        on_lost: Callable[[], None],
    ) -> None:
        messages = MessageSocket(control.sock)
        super().__init__(task, InServerTime(messages, control.offset_ns))
        self._control = messages
        self._ends = ends
        self._offset_ns = control.offset_ns
        self._address = address
        self._tls = tls
        self._silence_seconds = silence_seconds
        self._on_lost = on_lost
        self._ready = False

    async def run(self, sys_path: list[str], environment: dict[str, str]) -> None:
        task = self._task
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery, self._pulse(nursery, scope):
                with trio.move_on_after(task.init_timeout_seconds) as opening:
                    await self._give_spec(sys_path, environment)
                    await self._open_links()
                if not opening.cancelled_caught:
                    await self._follow(nursery, scope)
                nursery.cancel_scope.cancel()
        if self._failures:
            raise self._failures.pop()
        if self._overdue is not None:
            raise self._overdue("")
        if not task.released.is_set():
            raise InitTimeoutError(task.node_id, task.init_timeout_seconds)

    @asynccontextmanager
    async def _pulse(self, nursery: trio.Nursery, scope: trio.CancelScope) -> AsyncIterator[None]:
        """Watch the process as long as the block lasts."""
        link = await self._dial(PULSE_LINK)

        async def watch() -> None:
            try:
                await watch_pulse(
                    link.sock,
                    self._task.node_id,
                    on_running,
                    silence_seconds=self._silence_seconds,
                )
            except PeerError as error:
                # It may have said why, or whoever supervises it may know.
                is_closed = error.reason.startswith("closed")
                await trio.sleep(_EXIT_SECONDS if is_closed else 0)
                if not is_closed:
                    self._on_lost()
                self._failures.append(NodeError(self._task.node_id, error.reason))
                scope.cancel()

        def on_running(seconds: float) -> None:
            if self._ready and seconds >= self._timeout_seconds:
                self._fail_overdue()
                scope.cancel()

        try:
            nursery.start_soon(watch)
            yield
        finally:
            link.sock.close()

    def _fail_overdue(self) -> None:
        self._failures.append(
            ProcessTimeoutError(
                self._task.node_id,
                f"a call of its actor has not returned for {self._timeout_seconds:g} s "
                "(multiprocess.process_timeout_secs)",
            )
        )

    async def _dial(self, name: str) -> DialledLink:
        try:
            return await dial(self._address, self._ends.secret, name, tls=self._tls)
        except LinkRefusedError as error:
            raise NodeError(self._task.node_id, f"a link cannot be opened: {error}") from error

    async def _give_spec(self, sys_path: list[str], environment: dict[str, str]) -> None:
        task, ends = self._task, self._ends
        addresses = await ends.addresses()
        links = SocketLinks(
            [link.spec for link in ends.incoming],
            [
                OutgoingLink(
                    link.spec, addresses.get(link.spec.reader) if link.end is None else None
                )
                for link in ends.outgoing
            ],
            self._offset_ns,
        )
        spec = NodeSpec(
            session_id=task.session_id,
            node_id=task.node_id,
            target=task.plan.node_type.target,
            params=task.params_json,
            sys_path=sys_path,
            grace_seconds=task.grace_seconds,
            socket_links=links,
            max_memory_bytes=task.max_memory_bytes,
            environment=environment,
            log_level=self._log.getEffectiveLevel(),
            trace=task.trace,
            models=dict(task.grants.models),
            tools=dict(task.grants.tools),
            code=task.plan.code,
        )
        await self._control.send(spec)

    async def _open_links(self) -> None:
        for link in (*self._ends.incoming, *self._ends.outgoing):
            if link.end is not None:
                link.attach((await self._dial(link.spec.name)).sock)

    def _open_server_end(
        self,
        send: Callable[[ControlToNode], None],
        start: Callable[..., None],
        on_malformed: Callable[[DataError], None],
    ) -> ServerEnd:
        memory = memoryview(bytearray(TAP_MEMORY_BYTES))
        return ServerEnd(
            self._task.node_id, send, start, lambda: memory, on_malformed, has_memory=False
        )

    def _on_ready(self, _nursery: trio.Nursery, _scope: trio.CancelScope) -> None:
        self._ready = True

    async def _on_close(self) -> None:
        self._on_lost()
        await trio.sleep(_EXIT_SECONDS)
        self._failures.append(NodeError(self._task.node_id, "its process closed its connection"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _sys_path(is_local: bool) -> list[str]:
    """Return where the process finds modules; empty where it knows itself."""
    return [path or os.getcwd() for path in sys.path] if is_local else []
