"""One page per node type, and a list of them, from the output of `millrace nodes --json`."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any, Final

from plain_text import entry, escaped

from actors import Kind

_INTRODUCTION: Final = """# Node types

These node types come with Millrace. The pages are generated from the code; `millrace nodes NAME`
prints the same in a terminal, also for node types that you have added.

"""
_NATIVE: Final = "native"
_PARAMS_NOTE: Final = (
    "A manifest may write the names in snake_case or in camelCase. An unknown name, a wrong type "
    "or a value out of range is an error before anything starts."
)


def node_types_pages() -> dict[str, str]:
    """Return the pages by file name, as Markdown; SUMMARY.md is their part of the navigation."""
    nodes = [node for node in described_nodes() if node["origin"] == "built in"]
    names = [str(node["name"]) for node in nodes]
    summary = ["* [Node types](index.md)", *(f"* [{name}]({name}.md)" for name in names)]
    pages = {f"{node['name']}.md": _page(node) for node in nodes}
    index = _INTRODUCTION + "".join(map(_overview_entry, nodes))
    return {"index.md": index, "SUMMARY.md": "\n".join(summary) + "\n", **pages}


def described_nodes() -> list[dict[str, Any]]:
    """Return the node types of a server without settings of its own."""
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [sys.executable, "-m", "runtime", "nodes", "--json"],
            cwd=empty,
            stdout=subprocess.PIPE,
            check=True,
        )
    nodes: list[dict[str, Any]] = json.loads(done.stdout)
    return nodes


# A definition list, not a table: three columns do not fit on a phone.
def _overview_entry(node: Mapping[str, Any]) -> str:
    name = node["name"]
    summary = escaped(" ".join(node["doc"].partition("\n\n")[0].split()))
    kinds = f"{_kinds(node['accepts'])} → {_kinds(node['produces'])}"
    return f"[{name}]({name}.md)\n:   {summary}\n    *{kinds}*\n\n"


def _page(node: Mapping[str, Any]) -> str:
    extra = node["extra"]
    facts = [
        f"**Accepts** {_kinds(node['accepts'])}",
        f"**Produces** {_kinds(node['produces'])}",
        f"**Runs** {_place(node['executor'])}",
        *([f'**Needs** `pip install "millrace-runtime[{extra}]"`'] if extra else []),
    ]
    params = [*map(_param, node["params"])]
    parts = [
        f"# {node['name']}",
        escaped(node["doc"]),
        "- " + "\n- ".join(facts),
        "## Params",
        *([_PARAMS_NOTE, *params] if params else ["It has no params."]),
        *_example(node),
    ]
    return "\n\n".join(parts) + "\n"


def _example(node: Mapping[str, Any]) -> list[str]:
    """Return a node of a manifest that gives every param its default."""
    defaults = {
        each["name"]: _value(each["default"]) for each in node["params"] if "default" in each
    }
    given = {name: value for name, value in defaults.items() if value is not None}
    entries = {"id": node["name"].removesuffix("Node").lower(), "node_type": node["name"]}
    text = json.dumps({**entries, **({"params": given} if given else {})}, indent=2)
    return ["## In a manifest", "With the defaults of its params:", f"```json\n{text}\n```"]


def _value(text: str) -> Any:
    """Return the value of a default, which is JSON text, or else plain text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _param(param: Mapping[str, Any]) -> str:
    default = f"default `{param['default']}`" if "default" in param else "required"
    return entry(param["name"], f"{escaped(param['accepted'])}; {default}", param["description"])


def _kinds(names: Iterable[str]) -> str:
    listed = list(names)
    return "any kind" if len(listed) >= len(Kind) else ", ".join(listed) or "nothing"


def _place(executor: str) -> str:
    return "natively" if executor == _NATIVE else f"in a process of its own ({executor})"
