"""Node types as rows, and one of them with its documentation and its params."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .entries import NodeTypeEntry
from .layout import Column, print_rows
from .words import executor_text, kinds_text

# Longer lines are hard to read, however wide the terminal is.
_WIDEST_TEXT: Final = 100
_INDENT: Final = 4


def print_node_types(console: Console, entries: Sequence[NodeTypeEntry]) -> None:
    """Print a row for each node type, and what must be installed for some of them."""
    rows = [
        (
            Text(entry.node_type.name, "bold"),
            executor_text(entry.executor),
            Text(f"{kinds_text(entry.accepts)} → {kinds_text(entry.produces)}")
            if not entry.fault
            else Text(),
            Text(_summary(entry), "red" if entry.fault else "dim"),
        )
        for entry in entries
    ]
    columns = (Column("type"), Column("executor"), Column("in → out", wraps=True))
    print_rows(console, columns, "purpose", rows)
    for entry in entries:
        if entry.missing:
            console.print(f"\n{entry.node_type.name} needs {', '.join(entry.missing)}:")
            install = f'pip install "millrace-runtime[{entry.node_type.extra}]"'
            console.print(Padding(Text(install), (0, 0, 0, _INDENT)))


def print_node_type(console: Console, entry: NodeTypeEntry) -> None:
    """Print everything about one node type."""
    console.print(Text(entry.node_type.name, "bold"))
    console.print(_facts(entry))
    console.print()
    if entry.fault:
        console.print(Text(f"cannot be used: {entry.fault}", "red"))
        return
    width = min(console.width, _WIDEST_TEXT)
    for paragraph in _paragraphs(entry.doc):
        console.print(paragraph, width=width)
    console.print()
    if not entry.params:
        console.print("It has no params.")
        return
    rows = []
    for param in entry.params:
        default = "required" if param.default is None else f"default {param.default}"
        meaning = ("\n" + param.description, "dim") if param.description else ""
        value = Text.assemble(param.form, ", ", (default, "yellow"), meaning)
        rows.append((Text(param.name, "bold"), value))
    print_rows(console, (Column("param"),), "accepted value, and its meaning", rows)


def _summary(entry: NodeTypeEntry) -> str:
    aliases = ", ".join(entry.node_type.aliases)
    return f"{entry.summary} Alias: {aliases}." if aliases else entry.summary


def _facts(entry: NodeTypeEntry) -> Table:
    """Return a row for each fact about a node type."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    node_type = entry.node_type
    if not entry.fault:
        table.add_row("in", Text(kinds_text(entry.accepts)))
        table.add_row("out", Text(kinds_text(entry.produces)))
    if node_type.aliases:
        table.add_row("alias", Text(", ".join(node_type.aliases)))
    table.add_row("executor", Text.assemble(executor_text(entry.executor), f", {entry.reason}"))
    table.add_row("class", Text(f"{node_type.target} ({node_type.origin})"))
    if node_type.extra is not None:
        state = f"not installed: {', '.join(entry.missing)}" if entry.missing else "installed"
        table.add_row("needs", Text(f"millrace-runtime[{node_type.extra}] ({state})"))
    return table


def _paragraphs(doc: str) -> Iterator[Padding]:
    """Yield the parts of a docstring for the console to wrap.

    A paragraph is reflowed. Indented lines are lists and code: each keeps its line and its indent.
    """
    for number, part in enumerate(doc.split("\n\n")):
        above = int(number > 0)
        lines = part.splitlines()
        if not any(line.startswith(" ") for line in lines):
            yield Padding(Text(" ".join(part.split())), (above, 0, 0, 0))
            continue
        for line in lines:
            text = line.lstrip()
            yield Padding(Text(text), (above, 0, 0, len(line) - len(text)))
            above = 0
