"""Plans and node types as tables for a terminal."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from actors import ANY_KIND, Kind

from ..documents import shown
from ..execution.profiling import FRAME_SEPARATOR
from ..plan import Source

if TYPE_CHECKING:
    from ..execution.profiling import NodeProfile
    from ..plan import Plan, SettingEntry
    from .node_docs import NodeDoc

_EXECUTOR_STYLES = {"native": "blue", "multiprocess": "yellow"}


def plan_table(plan: "Plan") -> Table:
    """Return a row per node: what runs where, and why."""
    table = _table("node", "type", "executor", "why")
    for node in plan.nodes:
        table.add_row(
            Text(node.node_id, "bold"),
            Text(node.node_type.name),
            executor_text(node.executor),
            Text(node.reason, "dim"),
        )
    return table


def settings_table(plan: "Plan", *, everything: bool) -> Table:
    """Return a row per setting of the session; only those that somebody set, or all."""
    table = _table("setting", "value", "from")
    for name, setting in plan.settings.entries():
        if everything or setting.source is not Source.DEFAULT or setting.note:
            said = setting.source.label + (f", {setting.note}" if setting.note else "")
            table.add_row(name, Text(str(setting.value)), Text(said, "dim"))
    return table


def listed_table(listed: "Iterable[SettingEntry]") -> Table:
    """Return a row per setting: its value, where it comes from, and what it means."""
    table = _table("setting", "value", "from", "what it means")
    for each in listed:
        said = each.source + (f", {each.note}" if each.note else "")
        style = "dim" if each.source == Source.DEFAULT.label else "yellow"
        table.add_row(
            Text(each.key, "bold"),
            Text(shown(each.value)),
            Text(said, style),
            Text(each.description, "dim"),
        )
    return table


def profile_table(profiles: "Iterable[NodeProfile]") -> Table:
    """Return a row per node: where its time went, in seconds."""
    table = _table("node", "getting ready", "waiting", "processing", "sending", "busiest")
    for profile in profiles:
        numbers = (profile.initializing, profile.waiting, profile.processing, profile.sending)
        busiest = max(profile.stacks, key=lambda stack: profile.stacks[stack], default="")
        table.add_row(
            Text(profile.node, "bold"),
            *(Text(f"{seconds:.3f} s") for seconds in numbers),
            Text(busiest.rpartition(FRAME_SEPARATOR)[2], "dim"),
        )
    return table


def executor_text(executor: str) -> Text:
    """Return an executor's name in its colour."""
    return Text(executor, _EXECUTOR_STYLES.get(executor.strip(), "green"))


def kinds_text(kinds: Iterable[Kind]) -> str:
    """Return the names of kinds, in the order of the contract; "any" for all."""
    wanted = frozenset(kinds)
    if wanted == ANY_KIND:
        return "any"
    return ", ".join(kind.value for kind in Kind if kind in wanted)


def catalogue_table(docs: "Iterable[NodeDoc]") -> Table:
    """Return a row per node type."""
    table = _table("type", "runs", "in → out", "what it does")
    for doc in docs:
        kinds = f"{kinds_text(doc.accepts)} → {kinds_text(doc.produces)}" if not doc.fault else ""
        table.add_row(
            Text(doc.node_type.name, "bold"),
            executor_text(doc.executor),
            Text(kinds),
            Text(doc.summary, "red" if doc.fault else ""),
        )
    return table


def catalogue_list(docs: "Iterable[NodeDoc]") -> Group:
    """Return two lines per node type, for a terminal that is too narrow for a table."""
    parts: list[RenderableType] = []
    for doc in docs:
        kinds = f"{kinds_text(doc.accepts)} → {kinds_text(doc.produces)}" if not doc.fault else ""
        name = Text(f"{doc.node_type.name:<24}", "bold")
        parts.append(Text.assemble(name, executor_text(f"{doc.executor:<14}"), kinds))
        parts.append(Padding(Text(doc.summary, "red" if doc.fault else "dim"), (0, 0, 0, 2)))
    return Group(*parts)


def facts_table(doc: "NodeDoc") -> Table:
    """Return what is known about a node type, a line for each fact."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    node_type = doc.node_type
    if not doc.fault:
        table.add_row("in", kinds_text(doc.accepts))
        table.add_row("out", kinds_text(doc.produces))
    table.add_row("executor", Text.assemble(executor_text(doc.executor), f", {doc.reason}"))
    table.add_row("class", Text(f"{node_type.target} ({node_type.origin})"))
    if node_type.extra is not None:
        state = f"not installed: {', '.join(doc.missing)}" if doc.missing else "installed"
        table.add_row("needs", Text(f"millrace-runtime[{node_type.extra}] ({state})"))
    table.add_row()
    return table


def reflowed(doc: str) -> str:
    """Return a docstring with each paragraph on one line, for the terminal to break anew.

    Indented lines stay as they are: they are lists and code.
    """
    paragraphs = [
        part if any(line.startswith(" ") for line in part.splitlines()) else " ".join(part.split())
        for part in doc.split("\n\n")
    ]
    return "\n\n".join(paragraphs)


def params_table(doc: "NodeDoc") -> Table:
    """Return a row per param of a node type: its name, and beside it what it takes and means."""
    table = _table("param", "accepts, and what it means")
    for param in doc.params:
        default = "required" if param.default is None else f"default {param.default}"
        told = Text.assemble(
            param.form, ", ", (default, "yellow"), ("\n" + param.description, "dim")
        )
        table.add_row(Text(param.name, "bold"), told)
    return table


def _table(*columns: str) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="bold",
    )
    for column in columns:
        # Wrapping at any place still shows everything; an ellipsis would not.
        table.add_column(column, overflow="fold")
    return table
