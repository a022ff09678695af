"""Follows a session for its trace: the chunks that enter, and the calls of its nodes."""

from collections.abc import Collection, Iterable
from functools import partial

from actors import Control

from ..executors import NodeTask
from ..links import Item
from ..tracing import SessionTrace
from .session_input import SessionInput


def trace_nodes(
    trace: SessionTrace, session_input: SessionInput, tasks: Iterable[NodeTask]
) -> None:
    """Record in a trace what enters a session, and what its nodes do, before they are started."""

    def enter(item: Item, targets: Collection[str]) -> None:
        if not isinstance(item.data, Control):
            trace.enter_item(item.sequence, item.entered_ns, targets)

    session_input.add_tap(enter)
    for task in tasks:
        task.trace = trace.spec
        node = {
            "millrace.node.type": task.plan.node_type.name,
            "millrace.node.executor": task.plan.executor,
        }
        task.record = partial(trace.add_node_spans, task.node_id, node)
