"""A node behind a socket, as the server sees it. Every executor at `Place.SOCKET` can use it."""

import ipaddress
import os
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import trio

from actors import DataError

from ..errors import InitTimeoutError, NodeError, ProcessTimeoutError, UnwrappedErrors
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
    PulseEndedError,
    SocketEnds,
    dial,
    watch_pulse,
    without_tls,
)
from .contract import NodeTask
from .node_messages import NodeMessages

# The executor learns why a process has ended from whoever supervises it, within this time or never.
_VERDICT_SECONDS: Final = 2.0
# What a process has reported before its end is all here by then.
_LAST_WORDS_SECONDS: Final = 0.2
_READ_BYTES: Final = 4096


async def run_socket_node(
    task: NodeTask,
    address: Address,
    *,
    tls: ssl.SSLContext | None = None,
    is_local: bool = False,
    environment: Mapping[str, str] | None = None,
    why_ended: Callable[[], Awaitable[str]] | None = None,
    silence_seconds: float = SILENCE_SECONDS,
    on_lost: Callable[[], None] | None = None,
) -> None:
    """Run a node in a process that listens behind a socket, until the node is released.

    The process runs `runtime.socket_process.run_node_behind_socket`, and has the secret of
    `task.socket_ends()`. The executor starts it, and ends it if it still runs after this has
    returned: it has had `task.grace_seconds` to clean up.

    Args:
        task: the node.
        address: where the process listens.
        tls: checks the certificate of the process; None: without TLS.
        is_local: whether the process finds modules where this one does.
        environment: variables that are set before the actor's module is imported.
        why_ended: returns why the process has ended, which the executor may know in a moment; it
            is awaited for 2 s at most.
        silence_seconds: how long the process may give no sign of life.
        on_lost: is called when the process cannot be reached any more, or is stopped.

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
        node = _SocketNode(task, ends, control, address, tls, why_ended)
        node.silence_seconds, node.on_lost = silence_seconds, on_lost
        await node.run(_sys_path(is_local), dict(environment or {}))
    finally:
        control.sock.close()


class _SocketNode(NodeMessages):
    silence_seconds = SILENCE_SECONDS
    on_lost: Callable[[], None] | None = None

    def __init__(
        self,
        task: NodeTask,
        ends: SocketEnds,
        control: DialledLink,
        address: Address,
        tls: ssl.SSLContext | None,
        why_ended: Callable[[], Awaitable[str]] | None,
    ) -> None:
        messages = MessageSocket(control.sock)
        super().__init__(task, InServerTime(messages, control.offset_ns))
        self._control = messages
        self._ends = ends
        self._offset_ns = control.offset_ns
        self._address = address
        self._tls = tls
        self._why_ended = why_ended
        self._ready = False

    async def run(self, sys_path: list[str], environment: dict[str, str]) -> None:
        """Run the node until it is released, or cancelled; give its process the time to end.

        Raises:
            NodeError: the node failed.
            LimitError: it needs more memory than it may have.
        """
        task = self._task
        # It says how long the actor's call has lasted, and a guard without TLS may give it.
        pulse = without_tls((await self._dial(PULSE_LINK)).sock)
        try:
            with UnwrappedErrors():
                await self._watch(pulse, sys_path, environment)
        finally:
            self._control.sock.close()  # the process flushes, cleans up and ends
            if not self._failures:
                with trio.move_on_after(task.grace_seconds, shield=True):
                    await _read_to_end(pulse)
            pulse.close()
        if self._failures:
            raise self._failures.pop()
        if self._overdue is not None:
            raise self._overdue("")
        if not task.released.is_set():
            raise InitTimeoutError(task.node_id, task.init_timeout_seconds)

    async def _watch(
        self, pulse: socket.socket, sys_path: list[str], environment: dict[str, str]
    ) -> None:
        """Follow the node until it is released; return early when it has failed."""
        task = self._task
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch_pulse, pulse, scope)
                with trio.move_on_after(task.init_timeout_seconds) as opening:
                    await self._give_spec(sys_path, environment)
                    await self._open_links()
                if not opening.cancelled_caught:
                    await self._follow(nursery, scope)
                nursery.cancel_scope.cancel()

    async def _watch_pulse(self, pulse: socket.socket, scope: trio.CancelScope) -> None:
        def on_running(seconds: float) -> None:
            if self._ready and seconds >= self._timeout_seconds:
                self._fail_overdue()
                scope.cancel()

        try:
            seconds = self.silence_seconds
            await watch_pulse(pulse, self._task.node_id, on_running, silence_seconds=seconds)
        except PeerError as error:
            if isinstance(error, PulseEndedError):
                await trio.sleep(_LAST_WORDS_SECONDS)
                await self._on_close()
            else:
                if self.on_lost is not None:
                    self.on_lost()
                self._failures.append(NodeError(self._task.node_id, error.reason))
            scope.cancel()

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
        reason = "its process closed its connection"
        if self._why_ended is not None:
            with trio.move_on_after(_VERDICT_SECONDS):
                reason = f"its process has ended: {await self._why_ended()}"
        self._failures.append(NodeError(self._task.node_id, reason))


async def _read_to_end(pulse: socket.socket) -> None:
    """Return when the other end has closed the connection."""
    while True:
        try:
            if not pulse.recv(_READ_BYTES):
                return
        except BlockingIOError:
            await trio.lowlevel.wait_readable(pulse)
        except OSError:
            return


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _sys_path(is_local: bool) -> list[str]:
    """Return where the process finds modules; empty where it knows itself."""
    return [path or os.getcwd() for path in sys.path] if is_local else []
