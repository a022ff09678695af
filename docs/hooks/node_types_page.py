"""The page of the node types, from what `millrace nodes --json` says of them."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any, Final

from plain_text import entry, escaped

from actors import Kind

_INTRODUCTION: Final = """# Node types

These come with Millrace. This page is made from the code; `millrace nodes NAME` says the same in a
terminal, also of node types that you have added. Params are written in snake_case or camelCase.

"""
_WITHOUT_PROCESS: Final = "native"


def node_types_page() -> str:
    """Return the page, as Markdown."""
    nodes = [node for node in described_nodes() if node["origin"] == "built in"]
    overview = ["| type | takes, gives | what it does |", "|---|---|---|"]
    overview += [_overview_row(node) for node in nodes]
    return _INTRODUCTION + "\n".join([*overview, "", *map(_section, nodes)])


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


def _overview_row(node: Mapping[str, Any]) -> str:
    name = node["name"]
    cells = [
        f"[{name}](#{name.lower()})",
        f"{_kinds(node['accepts'])} → {_kinds(node['produces'])}",
        escaped(" ".join(node["doc"].partition("\n\n")[0].split())),
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _section(node: Mapping[str, Any]) -> str:
    extra = node["extra"]
    facts = [
        f"takes {_kinds(node['accepts'])}",
        f"gives {_kinds(node['produces'])}",
        f"runs {_place(node['executor'])}",
        *([f'needs `pip install "millrace-runtime[{extra}]"`'] if extra else []),
    ]
    params = "\n".join(map(_param, node["params"])) or "It takes no params."
    parts = [f"## {node['name']}", escaped(node["doc"]), "- " + "\n- ".join(facts), params]
    return "\n\n".join(parts) + "\n"


def _param(param: Mapping[str, Any]) -> str:
    default = f"default `{param['default']}`" if "default" in param else "must be given"
    return entry(param["name"], f"{escaped(param['accepted'])}; {default}", param["description"])


def _kinds(names: Iterable[str]) -> str:
    listed = list(names)
    return "any kind" if len(listed) >= len(Kind) else ", ".join(listed)


def _place(executor: str) -> str:
    return "natively" if executor == _WITHOUT_PROCESS else f"in a process of its own ({executor})"
