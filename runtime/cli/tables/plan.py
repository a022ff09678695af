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


def print_moving(console: Console, plan: "Plan") -> None:
    """Print whether a stream of the plan may move to another server, or which nodes prevent it."""
    if plan.may_move:
        text = "A stream may move to another server: every node is stateless."
    elif plan.moves_state:
        names = ", ".join(plan.stateful)
        text = (
            f"A stream may move to another server with the state of {names}, where "
            "server.state_key_file is set."
        )
    else:
        names = ", ".join(f"{node} ({plan.node(node).node_type.name})" for node in plan.staying)
        text = f"A stream stays at its server because of nodes that do not export a state: {names}."
    console.print(Text(text, "dim"))
