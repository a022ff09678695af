"""Nodes on other hosts: which of them run in one session there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

from ..config import RemoteHost, RemoteSettings, ServerAddress
from ..documents import Path, shown
from ..manifest import (
    Manifest,
    ManifestMetadata,
    MultiprocessSettings,
    NodeId,
    NodeManifest,
    topological_order,
)

Edges = Mapping[NodeId, Sequence[NodeId]]


@dataclass(frozen=True, slots=True)
class RemotePart:
    """A part of a pipeline that runs as one session on another host.

    Attributes:
        host: its name in [executors.remote.hosts].
        address: "name:port" of the host.
        manifest: of the part, as the other host gets it.
    """

    host: str
    address: str
    manifest: Manifest

    @property
    def members(self) -> tuple[NodeId, ...]:
        """The nodes of the part."""
        return tuple(node.id for node in self.manifest.nodes)

    @property
    def sinks(self) -> frozenset[NodeId]:
        """The nodes whose outputs come back from the other host."""
        sources = {each.source for each in self.manifest.connections}
        return frozenset(
            node.id for node in self.manifest.nodes if node.is_output_node or node.id not in sources
        )


def remote_parts(
    manifest: Manifest,
    outputs: Edges,
    remote: RemoteSettings,
    fault: Callable[[Path, str], None],
) -> dict[NodeId, RemotePart]:
    """Return the part of each node that has a host which the operator allows.

    Connected nodes of one host share a part, as far as the parts do not wait for each other: a path
    that leaves a part never comes back into it.

    Args:
        manifest: the whole one, without cycles.
        outputs: the readers of each node.
        remote: the operator's settings.
        fault: is called with the place of each host that is not allowed, and what is wrong.
    """
    nodes = {node.id: node for node in manifest.nodes}
    hosts: dict[NodeId, str] = {}
    for index, node in enumerate(manifest.nodes):
        if not node.host:
            continue
        name = _allowed_host(remote.hosts, node.host) if remote.enabled else None
        if name is not None:
            hosts[node.id] = name
            continue
        if remote.enabled:
            reason = "the operator does not allow this host (executors.remote.hosts)"
        else:
            reason = "nodes on other hosts are off; set executors.remote.enabled = true"
        fault(("nodes", index, "host"), f"got {shown(node.host)}; {reason}")
    parts: dict[NodeId, RemotePart] = {}
    if not hosts:
        return parts
    groups = _groups(outputs, hosts)
    if len(groups) > remote.max_parts:
        message = (
            f"{len(groups)} sessions on other hosts; the operator allows {remote.max_parts} "
            "(executors.remote.max_parts); connect nodes of one host with each other"
        )
        fault(("nodes",), message)
    for members in groups:
        first = nodes[members[0]]
        part = RemotePart(
            hosts[first.id], first.host, _manifest_of(manifest, members, outputs, nodes)
        )
        parts |= dict.fromkeys(members, part)
    return parts


def _allowed_host(hosts: Mapping[str, RemoteHost], address: str) -> str | None:
    """Return the operator's name of a host that a manifest gives by its address; None if none."""
    wanted = str(ServerAddress.parse(address))
    for name, host in hosts.items():
        if str(ServerAddress.parse(host.address)) == wanted:
            return name
    return None


def _groups(outputs: Edges, hosts: Mapping[NodeId, str]) -> list[list[NodeId]]:
    order = topological_order(outputs)
    returns = {host: _returns(order, outputs, hosts, host) for host in set(hosts.values())}
    group_of = {node: {node} for node in hosts}
    for node, readers in outputs.items():
        for reader in readers:
            host = hosts.get(node)
            if host is None or hosts.get(reader) != host:
                continue
            if returns[host][node] == returns[host][reader]:
                group = group_of[node] | group_of[reader]
                group_of |= dict.fromkeys(group, group)
    # Groups of several hosts may still wait for each other: then each of their nodes is alone.
    while (waiting := _waiting_groups(outputs, group_of)) is not None:
        group_of |= {node: {node} for node in waiting}
    ordered: dict[int, list[NodeId]] = {}
    for node in outputs:
        if node in group_of:
            ordered.setdefault(id(group_of[node]), []).append(node)
    return list(ordered.values())


def _returns(
    order: Iterable[NodeId], outputs: Edges, hosts: Mapping[NodeId, str], host: str
) -> dict[NodeId, int]:
    """Return for each node how often a path to it has come back to the host, at most."""
    count = dict.fromkeys(outputs, 0)
    has_left = dict.fromkeys(outputs, False)
    for node in order:
        is_there = hosts.get(node) == host
        for reader in outputs[node]:
            comes_back = has_left[node] and not is_there and hosts.get(reader) == host
            count[reader] = max(count[reader], count[node] + comes_back)
            has_left[reader] = has_left[reader] or is_there or has_left[node]
    return count


def _waiting_groups(outputs: Edges, group_of: Mapping[NodeId, set[NodeId]]) -> set[NodeId] | None:
    """Return the nodes of groups that wait for each other in a circle; None if none do."""
    names = {node: min(group_of.get(node, {node})) for node in outputs}
    sorter: TopologicalSorter[NodeId] = TopologicalSorter()
    for node, readers in outputs.items():
        for reader in readers:
            if names[node] != names[reader]:
                sorter.add(names[reader], names[node])
    try:
        sorter.prepare()
    except CycleError as error:
        circle = set(error.args[1])
        return {node for node in group_of if names[node] in circle and len(group_of[node]) > 1}
    return None


def _manifest_of(
    manifest: Manifest,
    members: Iterable[NodeId],
    outputs: Edges,
    nodes: Mapping[NodeId, NodeManifest],
) -> Manifest:
    inside = set(members)
    settings = manifest.metadata.multiprocess
    # An interpreter is a path on this machine.
    values = {key: each for key, each in settings.values.items() if key != "python_executable"}
    overrides = {
        node: executor for node, executor in settings.executor_overrides.items() if node in inside
    }
    return Manifest(
        version=manifest.version,
        metadata=ManifestMetadata(
            name=manifest.metadata.name,
            multiprocess=MultiprocessSettings(values, overrides),
        ),
        nodes=tuple(
            replace(
                nodes[node],
                host="",
                # What this host reads of it is a result there.
                is_output_node=nodes[node].is_output_node
                or any(reader not in inside for reader in outputs[node]),
            )
            for node in members
        ),
        connections=tuple(
            each for each in manifest.connections if each.source in inside and each.target in inside
        ),
    )
