"""The figures of a session, for the registry."""

from collections.abc import Iterator, Mapping

from ..execution import NodeStatistics
from ..links import INLET, Wiring
from ..metrics import LinkFigures, NodeFigures
from ..plan import Plan
from .readers import readers_of_nodes

Nodes = Mapping[str, NodeStatistics]


def node_figures(plan: Plan, nodes: Nodes, processes: Mapping[str, int]) -> tuple[NodeFigures, ...]:
    """Return the figures of each node, in the order of the plan."""
    return tuple(
        NodeFigures(
            node_id=node.node_id,
            node_type=node.node_type.name,
            executor=node.executor,
            process_id=processes.get(node.node_id),
            statistics=nodes[node.node_id],
        )
        for node in plan.nodes
    )


def link_figures(wiring: Wiring, plan: Plan, nodes: Nodes) -> Iterator[LinkFigures]:
    """Yield the figures of each link, from what both ends have counted."""
    capacity = plan.settings.values.channel_capacity
    generating = frozenset(plan.generating)
    for node, inlet in wiring.inlets.items():
        if node in generating:  # it takes no items, only signals and control messages
            continue
        sent = inlet.statistics().items
        yield _link(INLET, node, sent - nodes[node].taken.get(INLET, 0), capacity)
    results = wiring.outlet.taken()
    for producer, readers in readers_of_nodes(plan).items():
        sent = nodes[producer].sent.items
        for reader in readers or [INLET]:
            taken = results if reader == INLET else nodes[reader].taken
            yield _link(producer, reader, sent - taken.get(producer, 0), capacity)


def _link(producer: str, reader: str, waiting: int, capacity: int) -> LinkFigures:
    # The two ends of a link between processes have counted at different times.
    waiting = max(0, waiting)
    return LinkFigures(producer, reader, waiting, max(0, capacity - waiting))
