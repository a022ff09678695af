"""A session as HTML, for notebooks."""

from collections.abc import Iterator, Mapping

from actors.display import caption, table

from ..execution import NodeStatistics
from ..plan import Plan
from ..plan.drawing import to_svg

_HEADINGS = ("node", "type", "executor", "in", "out", "median of process()")


def session_html(plan: Plan, state: str, statistics: Mapping[str, NodeStatistics]) -> str:
    """Return the graph of a session, its state, and what its nodes have done.

    Args:
        plan: of the session.
        state: its state or its outcome.
        statistics: of each node, by its id.
    """
    return (
        f"<div>{caption('session', state, title=plan.manifest.metadata.name)}"
        f'<div style="overflow-x:auto">{to_svg(plan)}</div>'
        f"{table(_HEADINGS, _rows(plan, statistics))}</div>"
    )


def _rows(plan: Plan, statistics: Mapping[str, NodeStatistics]) -> Iterator[tuple[str, ...]]:
    for node in plan.nodes:
        done = statistics.get(node.node_id, NodeStatistics())
        median = 1e6 * done.processing.quantile(0.5)
        yield (
            node.node_id,
            node.node_type.name,
            node.executor,
            f"{done.items_in:,}",
            f"{done.items_out:,}",
            f"{median:,.3g} us" if median < 1000 else f"{median / 1000:,.3g} ms",
        )
