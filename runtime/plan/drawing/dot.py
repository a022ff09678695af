"""A pipeline in the language of Graphviz."""

from ..plan import Plan
from .colours import colours_of


def to_dot(plan: Plan) -> str:
    """Return the plan's graph for `dot`: nodes with id, type and executor, coloured by executor."""
    colours = colours_of(plan)
    lines = [
        f"digraph {_quoted(plan.manifest.metadata.name)} {{",
        "  rankdir=LR;",
        '  node [shape=box, style="rounded,filled", fontname="sans-serif"];',
    ]
    for node in plan.nodes:
        label = "\n".join((node.node_id, node.node_type.name, node.executor))
        colour = colours[node.executor]
        lines.append(
            f"  {_quoted(node.node_id)} [label={_quoted(label)}, "
            f'fillcolor="{colour.fill}", color="{colour.line}"];'
        )
    for node in plan.nodes:
        lines += [f"  {_quoted(node.node_id)} -> {_quoted(each)};" for each in node.outputs]
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    text = "".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
