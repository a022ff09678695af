"""A batched host: one process in which an actor serves the nodes of many sessions.

Its control socket brings a descriptor for each node: that of the node's own control socket, which
brings its NodeSpec and the ends of its links. A node ends when the server closes that socket, and
the host when the server closes its own. What a node's links and items do concerns its session only.
"""

import logging
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Any, Final

import trio

from actors import Actor, Context, Progress

from ...catalogue import checked_actor, load_actor
from ...errors import (
    HookError,
    NodeError,
    SharedMemoryError,
    described,
    sole_error,
    trace_of,
)
from ...links import Output, TrioWaiting
from ...links.socket import SocketReader, writer_of
from ..batched_loop import Batcher, batched_loop_of
from ..fork_guard import ForkGuard, describe_fork
from ..interrupts import is_from_signal
from ..node_tracer import tracer_of
from ..statistics import NodeStatistics
from .activity import Activity
from .log_records import log_to_server
from .memory_limit import limit_memory
from .messages import HostStart, NodeSpec, receive_descriptors_of, receive_spec_of
from .node_run import NodeRun
from .preloaded import Preloaded
from .statistics_push import StatisticsPush, of_links
from .title import set_process_title

_CLEANUP_SECONDS: Final = 5.0

_log = logging.getLogger("millrace.host")


def run_host(
    start: HostStart, sock: socket.socket, activity: Activity, preloaded: Preloaded
) -> int:
    """Run the host that the control socket names; return the process's exit status."""
    spec = start.spec
    os.environ.update(spec.environment)
    sys.path[:] = spec.sys_path
    log_to_server(start.log_level, start.record_mark)
    set_process_title(f"host of {spec.target}", "")
    sock.setblocking(False)
    _raise_descriptor_limit()
    limit_memory(spec.max_memory_bytes)
    try:
        trio.run(_Host(start, sock, activity, preloaded).run)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


class _Host:
    """The actor of a host, and the nodes that it serves."""

    def __init__(
        self, start: HostStart, sock: socket.socket, activity: Activity, preloaded: Preloaded
    ) -> None:
        self._spec = start.spec
        self._socket = sock
        self._preloaded = preloaded
        self._loading = trio.Lock()
        self._attempts = 0
        self._failed: tuple[str, BaseException] | None = None
        self._actor: Actor[Any] | None = None
        self._nursery: trio.Nursery | None = None
        self._times = activity.times
        self._nodes: set[_HostedNode] = set()
        self.fork_guard = ForkGuard(self._report_copy)
        self.batcher: Batcher | None = None

    async def run(self) -> None:
        """Serve nodes until the server closes the control socket."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            while (descriptor := await self._next_descriptor()) is not None:
                nursery.start_soon(self._serve, socket.socket(fileno=descriptor))
            nursery.cancel_scope.cancel()
        if self.batcher is not None:
            batches, items = self.batcher.batches, self.batcher.items
            mean = round(items / batches, 2) if batches else 0.0
            fields = {"target": self._spec.target, "items": items, "items_per_batch": mean}
            _log.info("host_served", extra=fields)
        if self._actor is not None:
            with trio.move_on_after(_CLEANUP_SECONDS):
                await _awaited(self._actor.cleanup)

    async def actor(self, node: "_HostedNode") -> tuple[Actor[Any], Batcher]:
        """Return the actor, when it is initialized, and its batches.

        Raises:
            HookError: its constructor or `initialize` raised; the next node has it tried again.
        """
        self._nodes.add(node)
        attempts = self._attempts
        async with self._loading:
            if self.batcher is None:
                # One that began while this node waited has failed for it too.
                if self._failed is None or self._attempts == attempts:
                    await self._load()
                if self._failed is not None:
                    hook, error = self._failed
                    raise HookError.of(node.node_id, hook, error) from error
        assert self._actor is not None
        assert self.batcher is not None
        self.batcher.sessions += 1
        return self._actor, self.batcher

    def forget(self, node: "_HostedNode") -> None:
        """Forget a node that has ended."""
        if self.batcher is not None and node.has_actor:
            self.batcher.sessions -= 1
        self._nodes.discard(node)

    async def _load(self) -> None:
        """Create the actor and initialize it; set `batcher`, or else `_failed`."""
        self._attempts += 1
        self._failed = None
        hook = "__init__"
        try:
            actor = self._make_actor()
            hook = "initialize"
            await _awaited(actor.initialize)
        except trio.Cancelled:
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and is_from_signal(error):
                raise
            self._failed = hook, error
            return
        finally:
            if self.fork_guard.is_copy:
                self.fork_guard.end_copy("", hook)
        self._actor = actor
        self.batcher = Batcher(
            actor,
            wait_seconds=self._spec.wait_seconds,
            times=self._times,
            fork_guard=self.fork_guard,
        )
        assert self._nursery is not None
        self._nursery.start_soon(self.batcher.run)

    def _make_actor(self) -> Actor[Any]:
        spec = self._spec
        if spec.code is None:
            actor_type = load_actor(spec.target)
        else:
            actor_type = checked_actor(spec.code.load(spec.target), spec.target)
        context = Context(
            actor_type.__name__,
            report=self._report_progress,
            share=self._preloaded.share,
            take=self._preloaded.take,
        )
        params = actor_type.params_type.model_validate_json(spec.params)
        return actor_type(params, context=context)

    def _report_progress(self, progress: Progress) -> None:
        for node in self._nodes:
            node.report_progress(progress)

    def _report_copy(self, _key: str, hook: str) -> None:
        # The sockets are those of the nodes of the real process, which go on.
        _log.error("%s", describe_fork(hook))

    async def _serve(self, sock: socket.socket) -> None:
        """Run one node. Whatever it raises ends its session, and no other."""
        try:
            with sock:
                sock.setblocking(False)
                try:
                    spec = await receive_spec_of(sock)
                    passed = await receive_descriptors_of(sock, spec.descriptors)
                except EOFError:
                    return  # the session was cancelled meanwhile
                links = [socket.socket(fileno=each) for each in passed[1:]]
                activity = Activity(passed[0])
                try:
                    os.close(passed[0])
                    await _HostedNode(self, spec, sock, activity).run(links)
                finally:
                    activity.close()
                    for link in links:
                        link.close()
        except Exception:  # noqa: BLE001 (of one node: the others go on)
            _log.exception("a node of this host failed")

    async def _next_descriptor(self) -> int | None:
        """Return the next control socket of a node; None when the server has closed this one."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                data, descriptors, _, _ = socket.recv_fds(self._socket, 1, 1)
            except BlockingIOError:
                continue
            except OSError:
                return None
            if not data:
                return None
            if descriptors:  # else none is left here; the server sees the socket closed
                return descriptors[0]


class _NotedWaiting(TrioWaiting):
    """Waits as every task does, and lets the statistics know.

    Attributes:
        push: sends them; None before there are any.
    """

    def __init__(self) -> None:
        self.push: StatisticsPush | None = None

    async def readable(self, descriptor: int) -> None:
        """Return when there is something to read."""
        if self.push is None:
            await super().readable(descriptor)
            return
        self.push.note_wait()
        await super().readable(descriptor)
        self.push.note_activity()


class _HostedNode(NodeRun):
    """One node of a host.

    Attributes:
        node_id: of the node.
        has_actor: whether it counts among the sessions of the batches.
    """

    def __init__(
        self, host: _Host, spec: NodeSpec, sock: socket.socket, activity: Activity
    ) -> None:
        self._waiting = _NotedWaiting()
        super().__init__(spec, sock, activity, self._waiting)
        self.node_id = spec.node_id
        self.has_actor = False
        self._host = host

    def report_progress(self, progress: Progress) -> None:
        """Report the progress of the host's actor, which this node waits for."""
        if not self.has_actor:
            self._report_progress(progress)

    async def run(self, links: list[socket.socket]) -> None:
        """Run to the end."""
        failure: NodeError | SharedMemoryError | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, nursery.cancel_scope)
                self._open_links(links, nursery)
                await self._run(nursery)
                await trio.sleep_forever()  # until the server closes the socket
        except BaseException as raised:  # noqa: ASYNC103 (what is no error is raised again)
            error = sole_error(raised) if isinstance(raised, BaseExceptionGroup) else raised
            if not isinstance(error, Exception):
                raise
            failure = self._failure_of(error)
            del error
        finally:
            self._inbox.close()
            self._output.close()
            if self._loop is not None:
                self._loop.release()
            self._host.forget(self)
        try:
            if failure is not None:
                await self.report_failure(failure)
        finally:
            del failure  # its traceback has this frame

    def _failure_of(self, error: Exception) -> NodeError | SharedMemoryError:
        if isinstance(error, SharedMemoryError):
            return error.at(self.node_id)
        if isinstance(error, NodeError):
            return error
        message = f"its host failed: {described(error)}"
        return NodeError(self.node_id, message, stack_trace=trace_of(error))

    def _open_links(self, links: list[socket.socket], nursery: trio.Nursery) -> None:
        specs = self._spec.socket_links
        assert specs is not None
        for link in links:
            link.setblocking(False)
        count = len(specs.incoming)
        for incoming, link in zip(specs.incoming, links[:count], strict=True):
            self._inbox.add_reader(SocketReader(incoming, link))
        writers = [
            writer_of(outgoing.link)(outgoing.link, link)
            for outgoing, link in zip(specs.outgoing, links[count:], strict=True)
        ]
        self._output = Output(writers=writers)
        for writer in writers:
            nursery.start_soon(writer.run)

    async def _run(self, nursery: trio.Nursery) -> None:
        spec = self._spec
        context = self._context(_NoResources())
        nursery.start_soon(self._spans.run)
        nursery.start_soon(self._hops.run)
        tracer = tracer_of(spec.trace, context, self._spans.record)
        began = trio.current_time()
        actor, batcher = await self._host.actor(self)
        self.has_actor = True
        loop = batched_loop_of(tracer)(
            actor,
            context,
            self._inbox,
            self._output,
            batcher=batcher,
            announce=self._socket.send,
            grace_seconds=spec.grace_seconds,
            times=self._activity.times,
            fork_guard=self._host.fork_guard,
        )
        loop.statistics.initialize_seconds = trio.current_time() - began
        push = self._attach(loop, nursery)
        self._waiting.push = push
        await self._run_loop(type(actor).process_timeout_secs)

    def _statistics(self) -> NodeStatistics:
        """Return those of the node: processor time and memory are the host's, and of no node."""
        assert self._loop is not None
        return of_links(self._loop.statistics, self._inbox, self._output)


class _NoResources:
    """The resources of a state: none, since the host's actor has them."""

    async def share(self, _key: Hashable, _load: Callable[[], object]) -> object:
        """Refuse it."""
        await trio.lowlevel.checkpoint()
        raise RuntimeError("the context of a state has no shared(): load in initialize()")

    def take(self, _key: Hashable, _load: Callable[[], object]) -> object:
        """Refuse it."""
        raise RuntimeError("the context of a state has no preloaded(): load in initialize()")


async def _awaited(hook: Callable[[], Awaitable[None] | None]) -> None:
    result = hook()
    if isinstance(result, Awaitable):
        await result
    else:
        await trio.lowlevel.checkpoint()


def _raise_descriptor_limit() -> None:
    """Take all descriptors that this process may have: each node needs about ten."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
