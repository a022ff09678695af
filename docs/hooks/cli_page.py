"""The reference of the command line, from the commands themselves."""

from collections.abc import Iterator
from typing import Any, Final

from plain_text import entry, escaped
from typer.main import get_command

from runtime.cli.app import app

_INTRODUCTION: Final = """# Command line

Generated from the commands; `millrace COMMAND --help` prints the same.

"""


def cli_page() -> str:
    """Return the page, as Markdown."""
    return _INTRODUCTION + "\n".join(_sections(get_command(app), "millrace"))


# Typer brings a copy of click, whose classes are none of click's own: hence no types of click here.
def _sections(command: Any, name: str) -> Iterator[str]:
    children = getattr(command, "commands", None)
    if children is not None:
        for child, found in children.items():
            if not found.hidden:
                yield from _sections(found, f"{name} {child}")
        return
    context = command.make_context(name, [], resilient_parsing=True)
    yield f"## {name}\n"
    yield escaped(_paragraphs(command.help or "")) + "\n"
    yield f"```text\n{name} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    for parameter in command.get_params(context):
        if not getattr(parameter, "hidden", False) and "--help" not in parameter.opts:
            yield _entry(parameter, context)


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(each.split()) for each in text.split("\n\n"))


def _entry(parameter: Any, context: Any) -> str:
    help_text = str(parameter.help or "").rstrip(".")
    return entry(_spelling(parameter, context), ", ".join(_facts(parameter)), help_text)


def _spelling(parameter: Any, context: Any) -> str:
    if parameter.param_type_name == "argument":
        return " ".join(parameter.get_usage_pieces(context)).strip("[]{}")
    names, *_ = parameter.get_help_record(context)
    return str(names)


def _facts(parameter: Any) -> Iterator[str]:
    if parameter.required:
        yield "required"
    if parameter.multiple:
        yield "may be repeated"
    default = parameter.default
    if default not in (None, False, [], ()) and not callable(default):
        yield f"default `{getattr(default, 'value', default)}`"
    if parameter.envvar:
        yield f"or the variable `{parameter.envvar}`"
