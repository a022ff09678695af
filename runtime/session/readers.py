"""Who reads whom in a session, and where."""

from collections.abc import Callable, Sequence
from operator import attrgetter

from ..links import INLET
from ..manifest import NodeId
from ..plan import NodePlan, Place, Plan


def readers_of_nodes(plan: Plan) -> dict[str, list[str]]:
    """Return the readers of each node's output: nodes, and INLET where it is a result."""
    return _with_outlet(plan, attrgetter("outputs"))


def readers_over_links(plan: Plan) -> dict[str, list[str]]:
    """Return the readers of each node's output that need a link of this host.

    Between two nodes of one part on another host there is none.
    """
    return _with_outlet(plan, attrgetter("local_outputs"))


def _with_outlet(
    plan: Plan, readers: Callable[[NodePlan], Sequence[NodeId]]
) -> dict[str, list[str]]:
    sinks = set(plan.sinks)
    return {
        str(node.node_id): [*map(str, readers(node)), *([INLET] if node.node_id in sinks else [])]
        for node in plan.nodes
    }


def nodes_on_machine(plan: Plan) -> set[str]:
    """Return the nodes whose links go through shared memory."""
    return {str(node.node_id) for node in plan.nodes if node.place is Place.MACHINE}


def nodes_behind_sockets(plan: Plan) -> dict[str, str]:
    """Return the nodes behind sockets, each with its executor."""
    return {str(node.node_id): node.executor for node in plan.nodes if node.place is Place.SOCKET}
