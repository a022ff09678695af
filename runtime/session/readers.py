"""Who reads whom in a session, and where."""

from ..links import INLET
from ..plan import Place, Plan


def readers_of_nodes(plan: Plan) -> dict[str, list[str]]:
    """Return the readers of each node's output: nodes, and INLET where it is a result."""
    sinks = set(plan.sinks)
    return {
        str(node.node_id): [*map(str, node.outputs), *([INLET] if node.node_id in sinks else [])]
        for node in plan.nodes
    }


def readers_over_links(plan: Plan) -> dict[str, list[str]]:
    """Return the readers of each node's output that need a link of this host.

    Between two nodes of one part on another host there is none.
    """
    readers = readers_of_nodes(plan)
    for node in plan.nodes:
        if node.remote is not None:
            inside = set(map(str, node.remote.members))
            name = str(node.node_id)
            readers[name] = [each for each in readers[name] if each not in inside]
    return readers


def nodes_on_machine(plan: Plan) -> set[str]:
    """Return the nodes whose links go through shared memory."""
    return {str(node.node_id) for node in plan.nodes if node.place is Place.MACHINE}


def nodes_behind_sockets(plan: Plan) -> dict[str, str]:
    """Return the nodes behind sockets, each with its executor."""
    return {str(node.node_id): node.executor for node in plan.nodes if node.place is Place.SOCKET}
