"""The page of the settings, from their declarations."""

import json
from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final

from plain_text import entry, escaped

from runtime.config import Declaration, Pattern, RuntimeConfig, declarations

_INTRODUCTION: Final = """# runtime.toml

Every setting, with its accepted values and its default. This page is generated from the code. A key
that is left out keeps its default; an unknown key is an error that names the nearest one. How to
use them: [Set limits](../guides/configure.md).

"""
_MANIFEST: Final = """## metadata.multiprocess

These keys of a [manifest](manifest.md) override the same keys of `[multiprocess]`.

| key | | accepted |
|---|---|---|
"""


def settings_page() -> str:
    """Return the page, as Markdown."""
    parts = [_INTRODUCTION]
    declared = list(declarations(RuntimeConfig))
    titles = set[str]()
    for table, of_table in groupby((each for each in declared if each.table), lambda d: d.table):
        outer = table.partition(".")[0]
        if outer != table and outer not in titles:
            parts.append(_outer(outer, declared))
        titles.add(outer)
        parts.append(_table(table, _section(table), of_table))
        if table == "routing":
            parts.append(_table("[routing.patterns]", Pattern, declarations(Pattern)))
    for each in declared:
        if not each.table:
            name = f"{each.name}.NAME" if each.entries else each.name
            parts.append("\n".join([f"## \\[{name}]", "", _sentences(each), ""]))
            if each.entries:
                parts.append("\n".join([*map(_key, each.entries), ""]))
    rows = [
        f"| `{each.name}` | {escaped(each.meaning)} | {escaped(each.form)} |"
        for each in declared
        if each.rules.in_manifest
    ]
    return "\n".join([*parts, _MANIFEST + "\n".join(rows), ""])


def _table(name: str, section: object, declared: Iterable[Declaration]) -> str:
    return "\n".join([f"## \\[{name}]", "", _doc(section), "", *map(_key, declared), ""])


def _outer(name: str, declared: Iterable[Declaration]) -> str:
    """Return the entry of a table that has only tables."""
    inner = dict.fromkeys(each.table for each in declared if each.table.startswith(f"{name}."))
    rows = [
        entry(table.rpartition(".")[2], f"\\[{table}]", _doc(_section(table)).removesuffix("."))
        for table in inner
    ]
    return "\n".join([f"## \\[{name}]", "", _doc(_section(name)), "", *rows, ""])


def _key(declared: Declaration) -> str:
    facts = f"{escaped(declared.form)}; {_default(declared)}"
    return entry(declared.name, facts, _sentences(declared).removesuffix("."))


def _default(declared: Declaration) -> str:
    value = json.loads(declared.default)
    if value is None:
        return "not set by default" if "null" in declared.form else "required"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        rules = " and ".join(f"`{each['pattern']}`: {each['executor']}" for each in value)
        return f"default {rules}"
    return f"default `{declared.default}`"


def _sentences(declared: Declaration) -> str:
    rules = declared.rules
    parts = [
        f"{declared.meaning[:1].upper()}{declared.meaning[1:]}.",
        rules.detail,
        f"The environment variable {rules.variable} overrides it." if rules.variable else "",
        "A manifest may set it." if rules.in_manifest else "",
        f"{rules.capped_by} caps it." if rules.capped_by else "",
    ]
    return " ".join(part for part in parts if part)


def _section(table: str) -> object:
    section: Any = RuntimeConfig
    for name in table.split("."):
        section = section.model_fields[name].annotation
    return section


def _doc(model: object) -> str:
    return " ".join((getattr(model, "__doc__", None) or "").split())
