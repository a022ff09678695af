"""The readers of each node's output in a session."""

from ..links import INLET
from ..plan import Plan


def readers_of_nodes(plan: Plan) -> dict[str, list[str]]:
    """Return the readers of each node's output: nodes, and INLET where it is a result."""
    sinks = set(plan.sinks)
    return {
        str(node.node_id): [*map(str, node.outputs), *([INLET] if node.node_id in sinks else [])]
        for node in plan.nodes
    }
