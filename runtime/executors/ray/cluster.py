"""Whether a cluster has room for a node: never, not now, or now."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ...plan import ClusterRequest, amount_text
from .driver_messages import ClusterNode

# What the sums of many reservations may be off by.
_TOLERANCE: Final = 1e-6
_MOST_NODES_SHOWN: Final = 5


def fits(request: ClusterRequest, amounts: Mapping[str, float], labels: Mapping[str, str]) -> bool:
    """Return whether a node with these amounts and labels has what is requested."""
    return all(
        amounts.get(name, 0.0) + _TOLERANCE >= amount for name, amount in request.resources.items()
    ) and all(labels.get(name) == value for name, value in request.labels.items())


def has_room_now(request: ClusterRequest, nodes: Iterable[ClusterNode]) -> bool:
    """Return whether some node has what is requested free."""
    return any(fits(request, node.free, node.labels) for node in nodes)


def has_room_ever(request: ClusterRequest, nodes: Iterable[ClusterNode]) -> bool:
    """Return whether some node has what is requested, also if it is reserved now."""
    return any(fits(request, node.total, node.labels) for node in nodes)


def refusal(request: ClusterRequest, nodes: Sequence[ClusterNode]) -> str:
    """Return why a request can never be met, with figures."""
    return f"no node of the Ray cluster has {request}; {_figures(request, nodes, free=False)}"


def waiting(request: ClusterRequest, nodes: Sequence[ClusterNode]) -> str:
    """Return what a request waits for, with figures."""
    return f"waits for {request} on the Ray cluster; {_figures(request, nodes, free=True)}"


def _figures(request: ClusterRequest, nodes: Sequence[ClusterNode], *, free: bool) -> str:
    if not nodes:
        return "it has no node"
    shown = [_figures_of(request, node, free=free) for node in nodes[:_MOST_NODES_SHOWN]]
    more = f"; {len(nodes) - len(shown)} more" if len(nodes) > len(shown) else ""
    return ("free: " if free else "there are: ") + "; ".join(shown) + more


def _figures_of(request: ClusterRequest, node: ClusterNode, *, free: bool) -> str:
    amounts = node.free if free else node.total
    parts = [amount_text(name, amounts.get(name, 0.0)) for name in request.resources]
    parts += [f"{name}={node.labels.get(name, '(not set)')}" for name in request.labels]
    return f"{node.address} {', '.join(parts)}"
