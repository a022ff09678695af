"""A plan as rows: which executor runs each node, and why."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from .layout import Column, print_rows
from .words import executor_text

if TYPE_CHECKING:
    from ...plan import Plan


def print_plan(console: Console, plan: "Plan") -> None:
    """Print a row for each node of a plan."""
    rows = [
        (
            Text(node.node_id, "bold"),
            Text(node.node_type.name),
            executor_text(node.executor),
            Text(node.reason, "dim"),
        )
        for node in plan.nodes
    ]
    print_rows(console, (Column("node"), Column("type"), Column("executor")), "why", rows)
