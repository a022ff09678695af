"""Sums over all links of a session."""

from collections.abc import Mapping

from ..errors import NodeError
from ..execution import NodeStatistics
from ..links import INLET, LinkStatistics, Wiring
from ..plan import Plan
from .readers import readers_of_nodes

Nodes = Mapping[str, NodeStatistics]


def dropped(wiring: Wiring, nodes: Nodes) -> int:
    """Return the number of items that links without backpressure have dropped."""
    received = [wiring.outlet.statistics(), *(node.received for node in nodes.values())]
    return wiring.dropped + sum(each.dropped for each in received)


def _signals(wiring: Wiring, plan: Plan) -> int:
    """Return the number of start signals that were sent to sources: the first item of each."""
    inlets = [wiring.inlets[node] for node in plan.generating if node in wiring.inlets]
    return sum(inlet.statistics().items > 0 for inlet in inlets)


def counts(wiring: Wiring, plan: Plan, nodes: Nodes) -> dict[str, int]:
    """Return the numbers of chunks in, results out, dropped items, and bytes.

    The bytes are those of payloads. The memory is the sum of the peaks of the session's processes.
    """
    generating = frozenset(plan.generating)  # only signals and control messages enter there
    inlets = [inlet.statistics() for node, inlet in wiring.inlets.items() if node not in generating]
    outlet = wiring.outlet.statistics()
    return {
        "items_in": sum(each.items for each in inlets),
        "items_out": outlet.items - wiring.outlet.waiting(),
        "dropped": dropped(wiring, nodes),
        "bytes_in": sum(each.payload_bytes for each in inlets),
        "bytes_out": outlet.payload_bytes,
        "peak_memory_bytes": sum(each.memory_bytes for each in nodes.values()),
    }


def missing_items(wiring: Wiring, plan: Plan, nodes: Nodes) -> NodeError | None:
    """Return the error of a node whose stream ended before all that it has sent had arrived.

    Call it when all nodes are done. The reader cannot find this out: only the producer knows that
    it went on after the end of its stream.
    """
    arrived = {str(node): statistics.received_from for node, statistics in nodes.items()}
    arrived[INLET] = wiring.outlet.statistics_by_source()
    for producer, readers in readers_of_nodes(plan).items():
        if producer not in wiring.elsewhere:
            continue  # what a local queue has taken arrives
        sent = nodes[producer].sent.items
        for reader in readers:
            link = arrived[reader].get(producer)
            if link is not None and link.items + link.dropped < sent:
                return NodeError(
                    producer,
                    f"ended its stream to {reader or 'the client'} after "
                    f"{link.items + link.dropped} items, and reports that it has sent {sent}",
                )
    return None


def waiting(wiring: Wiring, plan: Plan, nodes: Nodes) -> int:
    """Return the number of items that wait on the links."""
    put = sum(inlet.statistics().items for inlet in wiring.inlets.values())
    put -= _signals(wiring, plan)
    for node in plan.nodes:
        is_result = node.is_output or not node.outputs
        readers = len(node.outputs) + is_result
        statistics = nodes[node.node_id]
        put += statistics.items_out * readers - statistics.routed * (readers - 1)
    taken = wiring.outlet.statistics().items - wiring.outlet.waiting()
    taken += sum(node.items_in for node in nodes.values())
    # A reader finds only with its next item what it has lost meanwhile: that waits no more.
    return min(max(put - taken - dropped(wiring, nodes), 0), wiring.most_waiting)


def totals(wiring: Wiring, nodes: Nodes) -> LinkStatistics:
    """Return the sum of the statistics of all links."""
    total = LinkStatistics()
    for sent in (
        *(inlet.statistics() for inlet in wiring.inlets.values()),
        *(node.sent for node in nodes.values()),
    ):
        total.add(sent)
    for received in (wiring.outlet.statistics(), *(node.received for node in nodes.values())):
        # Both ends of a local queue share their counters; it never copies.
        total.copies += received.copies
        total.copied_bytes += received.copied_bytes
        total.dropped += received.dropped
    return total
