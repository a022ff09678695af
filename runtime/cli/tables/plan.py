"""A plan as rows: which executor runs each node, and why."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from .layout import Column, print_rows
from .words import executor_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...executors.ray import Room
    from ...plan import NodePlan, Plan


def print_plan(console: Console, plan: "Plan") -> None:
    """Print a row for each node of a plan: its executor, its place, and why."""
    rows = [
        (
            Text(node.node_id, "bold"),
            Text(node.node_type.name),
            executor_text(node.executor),
            Text(_place(node)),
            Text(_reason(node), "dim"),
        )
        for node in plan.nodes
    ]
    columns = Column("node"), Column("type"), Column("executor"), Column("place")
    print_rows(console, columns, "why", rows)


def _place(node: "NodePlan") -> str:
    """Return where a node runs."""
    from ...plan import RAY, SHARED, Place

    if node.remote is not None:
        return "another server"
    if node.executor == RAY:
        return "Ray cluster"
    if node.executor == SHARED:
        return "shared process"
    if node.uses_process:
        return "own process"
    if node.place is Place.SERVER:
        return "elsewhere" if node.is_isolated else "server"
    return "behind a socket" if node.place is Place.SOCKET else "this machine"


def _reason(node: "NodePlan") -> str:
    parts = [node.reason]
    if node.remote is not None and len(members := node.remote.members) > 1:
        parts.append(f"{', '.join(members)} are one session there")
    if node.gpu is not None:
        parts.append(f"GPU {node.gpu.index}: {node.gpu.name}, {node.gpu.memory_gb:.4g} GiB")
    return "; ".join(parts)


def print_rooms(console: Console, rooms: "Mapping[str, Room]") -> None:
    """Print whether the Ray cluster has room for each node that it is to run."""
    if not rooms:
        console.print(Text("No node is to run on the Ray cluster.", "dim"))
        return
    rows = [
        (Text(node, "bold"), Text(room.text, "" if room.is_possible else "red"))
        for node, room in rooms.items()
    ]
    print_rows(console, (Column("node"),), "on the Ray cluster", rows)


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
