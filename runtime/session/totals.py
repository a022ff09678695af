"""Sums over all links of a session."""

from collections.abc import Mapping

from ..execution import NodeStatistics
from ..links import LinkStatistics, Wiring
from ..plan import Plan

Nodes = Mapping[str, NodeStatistics]


def dropped(wiring: Wiring, nodes: Nodes) -> int:
    """Return the number of items that links without backpressure have dropped."""
    inlets = sum(inlet.statistics().dropped for inlet in wiring.inlets.values())
    return inlets + sum(node.sent.dropped for node in nodes.values())


def counts(wiring: Wiring, nodes: Nodes) -> dict[str, int]:
    """Return the numbers of chunks in, results out, dropped items, and bytes.

    The bytes are those of payloads. The memory is the sum of the peaks of the session's processes.
    """
    inlets = [inlet.statistics() for inlet in wiring.inlets.values()]
    outlet = wiring.outlet.statistics()
    return {
        "items_in": sum(each.items for each in inlets),
        "items_out": outlet.items - wiring.outlet.waiting(),
        "dropped": dropped(wiring, nodes),
        "bytes_in": sum(each.payload_bytes for each in inlets),
        "bytes_out": outlet.payload_bytes,
        "peak_memory_bytes": sum(each.memory_bytes for each in nodes.values()),
    }


def waiting(wiring: Wiring, plan: Plan, nodes: Nodes) -> int:
    """Return the number of items that wait on the links."""
    put = sum(inlet.statistics().items for inlet in wiring.inlets.values())
    for node in plan.nodes:
        is_result = node.is_output or not node.outputs
        put += nodes[node.node_id].items_out * (len(node.outputs) + is_result)
    taken = wiring.outlet.statistics().items - wiring.outlet.waiting()
    taken += sum(node.items_in for node in nodes.values())
    return max(put - taken - dropped(wiring, nodes), 0)


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
    return total
