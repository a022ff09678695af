"""The items that a request carries beside its manifest."""

import time
from collections.abc import Mapping

from ..session import Session
from ..wire import DataBuffer
from ..wire.conversion import data_of
from .session_metrics import SessionMetrics


async def send_inputs(
    session: Session, inputs: Mapping[str, DataBuffer], metrics: SessionMetrics
) -> None:
    """Send each item to the node of its key, in order.

    A single item whose key is no node goes to all source nodes.

    Raises:
        InputError: an item is not valid; nothing was sent.
        UnknownNodeError: a key is no node; nothing was sent.
    """
    known = {node.node_id for node in session.plan.nodes}
    to_sources = len(inputs) == 1 and not known & inputs.keys()
    began = time.perf_counter()
    items = [
        (key, data_of(buffer, f"data_inputs[{key!r}]", node_id=key if key in known else ""))
        for key, buffer in inputs.items()
    ]
    metrics.converted_in(began)
    if not to_sources:
        for key, _ in items:
            session.check_node(key)
    for sequence, (key, data) in enumerate(items):
        await session.send(data, node=None if to_sources else key, sequence=sequence)
        metrics.count_in(data)
