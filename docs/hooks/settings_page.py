"""The page of runtime.toml's keys, from the models that check it."""

from typing import Final

from plain_text import entry, escaped
from pydantic import BaseModel

from runtime.config import Pattern, RuntimeConfig
from runtime.documents import AcceptedField, accepted_fields

_INTRODUCTION: Final = """# runtime.toml

Every key, with what it accepts and its default. This page is made from the code. A key that is left
out keeps its default, and an unknown key is an error that names the nearest one. How to use them:
[Set limits](../guides/configure.md).

"""


def settings_page() -> str:
    """Return the page, as Markdown."""
    tables: list[tuple[str, str, type[BaseModel]]] = []
    free = []
    for name, field in RuntimeConfig.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            tables.append((f"[{name}]", _doc(section), section))
            if name == "routing":
                tables.append(("[[routing.patterns]]", _doc(Pattern), Pattern))
        else:
            free.append(f"## \\[{name}]\n\n{_sentence(field.description or '')}\n")
    return _INTRODUCTION + "\n".join([*(_section(*table) for table in tables), *free])


def _section(name: str, doc: str, model: type[BaseModel]) -> str:
    return "\n".join([f"## \\{name}", "", doc, "", *map(_key, accepted_fields(model)), ""])


def _key(field: AcceptedField) -> str:
    return entry(field.name, f"{escaped(field.form)}; {_default(field.default)}", field.description)


def _default(default: str | None) -> str:
    if default is None:
        return "must be given"
    if default == "null":
        return "not set by default"
    if len(default) > 30:
        return "by default one rule: `*Node` runs in a process"
    return f"default `{default}`"


def _doc(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
