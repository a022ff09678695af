"""The proxy in the server of a node that a batched host runs."""

import socket

import trio

from ..execution.process import HostedProcess, NodeSpec, OutgoingLink, SocketLinks
from ..links.socket import SocketLink
from .contract import NodeTask
from .node_proxy import NodeProxy


class SocketPairs:
    """Links between nodes that hosts run both of: the end that its node has not taken yet."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, str], socket.socket] = {}

    def take(self, session_id: str, link: SocketLink) -> socket.socket:
        """Return the end of a link for one of its nodes, which comes for it first or second."""
        key = (session_id, link.spec.name)
        end = self._ends.pop(key, None)
        if end is None:
            end, self._ends[key] = socket.socketpair()
        return end

    def drop(self, session_id: str, links: list[SocketLink]) -> None:
        """Close ends that no node has come for, or will."""
        for link in links:
            end = self._ends.pop((session_id, link.spec.name), None)
            if end is not None:
                end.close()


class HostedNode(NodeProxy):
    """Represents a node in a host, whose links are socket pairs."""

    def __init__(self, task: NodeTask, process: HostedProcess, pairs: SocketPairs) -> None:
        super().__init__(task, process)
        self._pairs = pairs

    async def run(self) -> None:
        """Run the node until it is released.

        Raises:
            NodeError: the actor or its host failed.
        """
        try:
            await super().run()
        finally:
            ends = self._task.socket_ends()
            self._pairs.drop(self._task.session_id, [*ends.incoming, *ends.outgoing])

    async def _give_spec(self) -> None:
        task = self._task
        ends = task.socket_ends()
        links = SocketLinks(
            [link.spec for link in ends.incoming],
            [OutgoingLink(link.spec) for link in ends.outgoing],
        )
        spec = NodeSpec(
            session_id=task.session_id,
            node_id=task.node_id,
            target=task.plan.node_type.target,
            params=b"{}",  # the host has them
            sys_path=[],
            grace_seconds=task.grace_seconds,
            socket_links=links,
            trace=task.trace,
        )
        passed = [self._connect(link) for link in (*ends.incoming, *ends.outgoing)]
        try:
            await self._process.send_spec(spec, [each.fileno() for each in passed])
        except trio.BrokenResourceError:
            pass  # it has ended; `_end_with_process` reports how
        finally:
            for each in passed:
                each.close()

    def _connect(self, link: SocketLink) -> socket.socket:
        """Return the end of a link for the host; the other one is for the server, if it has it."""
        if link.end is None:
            return self._pairs.take(self._task.session_id, link)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        link.attach(ours)
        return theirs
