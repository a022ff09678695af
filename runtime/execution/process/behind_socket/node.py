"""A node behind a socket: the node, with links, control and signs of life over TCP connections.

Its process listens. The server opens a connection for control, one for signs of life, and one for
each link that has an end in the server; other nodes of the executor open theirs.
"""

import mmap
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Final, Protocol

import trio

from ....errors import NodeError
from ....links import Output
from ....links.socket import (
    Address,
    LinkListener,
    LinkRefusedError,
    LinkSecret,
    SocketReader,
    SocketWriter,
    beat,
    dial,
    open_link_listener,
    without_tls,
    writer_of,
)
from ...call_clock import CallTimes, running_seconds
from ..batch_sender import BatchSender
from ..log_records import NodeRecord, logging_through
from ..messages import (
    CONTROL_LINK,
    PULSE_LINK,
    Logged,
    NodeSpec,
    SocketLinks,
    receive_spec_of,
)
from ..node_main import NodeMain
from ..preloaded import Preloaded
from ..tap_memory import TAP_MEMORY_BYTES

# For a server that has started this process, and has nothing to wait for before it connects.
_OPENING_SECONDS: Final = 60.0
_CLOSING_SECONDS: Final = 1.0
_READ_BYTES: Final = 65536


class PrivateActivity:
    """What the actor is doing; the server is told of it with each sign of life. Close it.

    Attributes:
        times: see `CallTimes`.
        tap_memory: nobody else sees it.
        descriptor: of the memory that begins with `times`, for a process that gives the signs.
        grace_seconds: how long the process may go on without the server.
    """

    grace_seconds = _OPENING_SECONDS

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("millrace-activity", os.MFD_CLOEXEC)
        os.ftruncate(self.descriptor, mmap.PAGESIZE)
        # Unmapped with the last view of it.
        self.times: CallTimes = memoryview(mmap.mmap(self.descriptor, mmap.PAGESIZE)).cast("d")
        self.tap_memory = memoryview(bytearray(TAP_MEMORY_BYTES))

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)


class GiveSigns(Protocol):
    """Gives signs of life on a connection to the server, as long as its block lasts."""

    def __call__(
        self, sock: socket.socket, /, activity: PrivateActivity
    ) -> AbstractAsyncContextManager[None]:
        """Return the block. The connection is closed by its caller."""


def _ignore_address(_address: Address) -> None:
    """Do nothing: who has made the socket knows its address."""


class _SocketNode(NodeMain):
    """A node whose loop may block its thread only while its links have sent everything."""

    writers: tuple[SocketWriter, ...] = ()
    logged: BatchSender[NodeRecord]
    offset_ns = 0

    def clock(self) -> int:
        """Return the time of the session's clock."""
        return time.monotonic_ns() + self.offset_ns

    def is_sole_task(self) -> bool:
        """Return whether only the actor's own task has anything to do."""
        return (
            super().is_sole_task()
            and self.logged.is_idle
            and all(writer.is_idle for writer in self.writers)
        )


def run_node_behind_socket(
    secret: LinkSecret,
    report_address: Callable[[Address], None] = _ignore_address,
    *,
    host: str = "127.0.0.1",
    listening: socket.socket | None = None,
    give_signs: GiveSigns | None = None,
    server_tls: ssl.SSLContext | None = None,
    client_tls: ssl.SSLContext | None = None,
) -> int:
    """Run one node, which the server chooses; return when it has ended, or the server is gone.

    Args:
        secret: of the session, as `SocketEnds.secret` has it.
        report_address: is called with the address that this process listens on. The executor
            brings it to the server.
        host: the address of the interface to listen on.
        listening: a socket that listens already, instead; this closes it.
        give_signs: gives the server signs of life as long as its block lasts; None: a thread does.
        server_tls: with the certificate of this process; None: without TLS.
        client_tls: checks the certificates of other nodes; None: without TLS.

    Returns:
        0, or 1 if the node failed; the server knows why.

    Raises:
        OSError: the address cannot be used.
    """
    activity = PrivateActivity()
    try:
        return trio.run(
            _run,
            secret,
            partial(open_link_listener, host, secret, tls=server_tls, listening=listening),
            report_address,
            partial(give_signs or _beating, activity=activity),
            activity,
            client_tls,
        )
    finally:
        activity.close()


async def _run(
    secret: LinkSecret,
    listen: Callable[[], AbstractAsyncContextManager[LinkListener]],
    report_address: Callable[[Address], None],
    give_signs: Callable[[socket.socket], AbstractAsyncContextManager[None]],
    activity: PrivateActivity,
    client_tls: ssl.SSLContext | None,
) -> int:
    opened = _OpenedSockets()
    ended = trio.Event()
    status = 0
    try:
        async with trio.open_nursery() as nursery:
            hold = partial(nursery.start, _hold, ended)
            spec = None
            async with listen() as listener:
                report_address(listener.address)
                if await opened.begin(listener):
                    # From now on, since other nodes may take long to start.
                    await hold(give_signs(opened[PULSE_LINK]))
                    spec = await _received_spec(opened, listener)
            try:
                if spec is not None:
                    status = await _run_node(spec, opened, secret, client_tls, activity)
            finally:
                ended.set()
        if spec is not None:
            await _close_control(opened[CONTROL_LINK])
        return status
    finally:
        opened.close()


async def _received_spec(opened: "_OpenedSockets", listener: LinkListener) -> NodeSpec | None:
    """Return the spec when all links are open; None if the session was cancelled meanwhile."""
    try:
        spec = await receive_spec_of(opened[CONTROL_LINK])
    except EOFError:
        return None
    assert spec.socket_links is not None
    await opened.complete(listener, spec.socket_links)
    return spec


async def _hold(  # noqa: ASYNC114 (its caller awaits its start)
    ended: trio.Event,
    block: AbstractAsyncContextManager[None],
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Hold a block in a task of its own, since what it is entered in ends before it."""
    async with block:
        task_status.started()
        await ended.wait()


async def _close_control(control: socket.socket) -> None:
    """Let the last messages arrive: to close a socket that has something to read discards them."""
    with trio.move_on_after(_CLOSING_SECONDS, shield=True), suppress(OSError):
        control.shutdown(socket.SHUT_WR)
        while True:
            await trio.lowlevel.wait_readable(control)
            if not control.recv(_READ_BYTES):
                return


class _OpenedSockets:
    """The connections of this node, by the names of their links. It closes them."""

    def __init__(self) -> None:
        self._sockets: dict[str, socket.socket] = {}

    def __getitem__(self, name: str) -> socket.socket:
        return self._sockets[name]

    async def begin(self, listener: LinkListener) -> bool:
        """Wait for the connections of the server; return whether they came in time."""
        with trio.move_on_after(_OPENING_SECONDS):
            await self.take(listener, CONTROL_LINK)
            self.add(PULSE_LINK, without_tls(await self.take(listener, PULSE_LINK)))
        return CONTROL_LINK in self._sockets and PULSE_LINK in self._sockets

    async def take(self, listener: LinkListener, name: str) -> socket.socket:
        """Return a connection when it is open."""
        while name not in self._sockets:
            link = await listener.accept()
            if link.name in self._sockets:
                link.sock.close()
            else:
                self._sockets[link.name] = link.sock
        return self._sockets[name]

    async def complete(self, listener: LinkListener, links: SocketLinks) -> None:
        """Return when every connection is open that is opened from elsewhere."""
        for incoming in links.incoming:
            await self.take(listener, incoming.name)
        for outgoing in links.outgoing:
            if outgoing.address is None:
                await self.take(listener, outgoing.link.name)

    def add(self, name: str, sock: socket.socket) -> None:
        """Add one that was opened from here."""
        self._sockets[name] = sock

    def close(self) -> None:
        """Close all of them."""
        for sock in self._sockets.values():
            sock.close()


async def _run_node(
    spec: NodeSpec,
    opened: _OpenedSockets,
    secret: LinkSecret,
    tls: ssl.SSLContext | None,
    activity: PrivateActivity,
) -> int:
    if spec.sys_path:
        sys.path[:] = spec.sys_path
    activity.grace_seconds = spec.grace_seconds
    node = _SocketNode(spec, opened[CONTROL_LINK], {}, activity, Preloaded())
    control = node.control_socket
    node.logged = BatchSender(Logged, control.report, control.send)
    try:
        with ExitStack() as stack:
            stack.enter_context(logging_through(_in_loop(node.logged.record), spec.log_level))
            try:
                output = await _open_links(node, spec, opened, secret, tls)
            except LinkRefusedError as error:
                failure = NodeError(spec.node_id, f"cannot open its link: {error}")
                await node.report_failure(failure)
                return 1
            async with trio.open_nursery() as nursery:
                for writer in node.writers:
                    nursery.start_soon(writer.run)
                nursery.start_soon(node.logged.run)
                status = await node.run(output)
                nursery.cancel_scope.cancel()
            return status
    finally:
        node.close()


async def _open_links(
    node: _SocketNode,
    spec: NodeSpec,
    opened: _OpenedSockets,
    secret: LinkSecret,
    tls: ssl.SSLContext | None,
) -> Output:
    links = spec.socket_links
    assert links is not None
    node.offset_ns = links.offset_ns
    for incoming in links.incoming:
        reader = SocketReader(incoming, opened[incoming.name])
        node.inbox.add_reader(reader)
    writers = []
    for outgoing in links.outgoing:
        link = outgoing.link
        if outgoing.address is not None:
            dialled = await dial(outgoing.address, secret, link.name, tls=tls)
            opened.add(link.name, dialled.sock)
        writer = writer_of(link)(link, opened[link.name], waiting=node.waiting)
        writers.append(writer)
    node.writers = tuple(writers)
    return Output(writers=writers)


@asynccontextmanager
async def _beating(sock: socket.socket, activity: PrivateActivity) -> AsyncIterator[None]:
    """Give signs of life as long as the block lasts.

    Without the server, nobody else ends a process whose actor does not return.
    """
    finished = threading.Event()

    def give() -> None:
        beat(sock, lambda: running_seconds(activity.times))
        if not finished.wait(activity.grace_seconds):
            os._exit(1)

    async with trio.open_nursery() as nursery:
        # Not abandoned: it ends as soon as the socket is shut down.
        nursery.start_soon(trio.to_thread.run_sync, give)
        try:
            yield
        finally:
            finished.set()
            with suppress(OSError):  # the server is gone
                sock.shutdown(socket.SHUT_RDWR)


def _in_loop(record: Callable[[NodeRecord], None]) -> Callable[[NodeRecord], None]:
    """Return a function that any thread may call."""
    token, loop_thread = trio.lowlevel.current_trio_token(), threading.get_ident()

    def write(made: NodeRecord) -> None:
        if threading.get_ident() == loop_thread:
            record(made)
            return
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(record, made)

    return write
