"""The text of runtime.toml at its defaults, from the declarations of the settings."""

import json
import textwrap
from collections.abc import Iterator
from typing import Any, Final

from .executors import OutsideSettings
from .section import Section
from .setting import Declaration, declarations
from .settings import Pattern, RuntimeConfig

_WIDTH: Final = 100
_HEADER: Final = (
    "Millrace's settings, each at its built-in default. A key that is left out keeps its default; "
    "an unknown key is an error. metadata.multiprocess of a pipeline's manifest overrides "
    "[multiprocess], as far as the comments here allow it; nothing goes beyond [limits]. "
    "This file is generated: python -m runtime.config > runtime.toml"
)


def runtime_toml() -> str:
    """Return runtime.toml: every setting with its help and its default."""
    parts = [*_comment(_HEADER)]
    for name, field in RuntimeConfig.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            parts += ["", *_table(name, section)]
    for declared in declarations(RuntimeConfig):
        if not declared.table:
            parts += ["", *_mapping(declared)]
    return "\n".join(parts) + "\n"


def _table(name: str, section: type[Section]) -> Iterator[str]:
    yield from _comment(section.__doc__ or "")
    yield f"[{name}]"
    tables = []
    for key, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            tables += ["", *_table(f"{name}.{key}", inner)]
    for declared in declarations(section, name):
        if declared.table != name:
            continue  # of a table within this one
        value = json.loads(declared.default)
        if isinstance(value, dict):
            tables += ["", *_mapping(declared)]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            tables += ["", *_list_of_tables(declared, value)]
        else:
            yield from _comment(_help(declared))
            yield _line(declared, value)
    yield from tables
    if section.model_config.get("extra") == "allow":
        yield ""
        yield from _comment(OutsideSettings.__doc__ or "")
        yield f"# [{name}.NAME]"
        for declared in declarations(OutsideSettings, name):
            yield from _comment(_help(declared))
            yield f"# {_line(declared, json.loads(declared.default))}"


def _mapping(declared: Declaration) -> Iterator[str]:
    yield from _comment(_help(declared))
    yield f"[{declared.key}]"
    if not declared.entries:
        yield f"# {declared.rules.example}"
        return
    # No table of that name is there, so all of it is a comment.
    yield f"# [{declared.key}.NAME]"
    for each in declared.entries:
        yield from _comment(_help(each))
        line = _line(each, json.loads(each.default))
        yield line if line.startswith("#") else f"# {line}"


def _list_of_tables(declared: Declaration, values: list[dict[str, Any]]) -> Iterator[str]:
    yield from _comment(_help(declared))
    for value in values:
        yield f"[[{declared.key}]]"
        for each in declarations(Pattern):
            yield from _comment(_help(each))
            yield f"{each.name} = {json.dumps(value[each.name])}"


def _line(declared: Declaration, value: object) -> str:
    if value is not None:
        # JSON's text, number, boolean and list of these are TOML's too.
        return f"{declared.name} = {json.dumps(value, ensure_ascii=False)}"
    example = declared.rules.example or ""
    shown = example if example in ("true", "false") else json.dumps(example)
    return f"# {declared.name} = {shown}"


def _help(declared: Declaration) -> str:
    rules = declared.rules
    bounds = declared.form.removeprefix("an integer ").removeprefix("a number ")
    parts = [
        f"{declared.meaning[:1].upper()}{declared.meaning[1:]}.",
        f"{bounds[:1].upper()}{bounds[1:]}." if bounds != declared.form else "",
        rules.detail,
        _manifest_rule(declared),
        f"{rules.variable} of the environment overrides it." if rules.variable else "",
    ]
    return " ".join(part for part in parts if part)


def _manifest_rule(declared: Declaration) -> str:
    rules = declared.rules
    if not rules.in_manifest:
        return ""
    if rules.capped_by:
        return f"A manifest may set it; {rules.capped_by} caps it."
    if rules.allowed_by:
        return f"A manifest may choose one of {rules.allowed_by}."
    return "A manifest may set it."


def _comment(text: str) -> list[str]:
    words = " ".join(text.split())
    return textwrap.wrap(
        words, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )
