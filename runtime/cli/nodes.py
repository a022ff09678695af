"""`millrace nodes`: the node types, or one of them with its params."""

from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, NodesOption, VerboseOption

if TYPE_CHECKING:
    from rich.console import Console

    from .node_docs import NodeDoc

_TABLE_COLUMNS = 120


def nodes(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="Show this type with its params.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigOption = None,
    own: NodesOption = None,
    verbose: VerboseOption = False,
) -> None:
    """List the node types, or show one.

    With a name: its params with what they accept and their defaults, the kinds of data it takes
    and gives, where it runs, and what it does.
    """
    from ..plan import Router
    from .failures import CommandError, failures_said
    from .node_docs import document
    from .screen import error_console, output_console, stdout_for_results
    from .workspace import open_workspace

    console = error_console()
    with failures_said(console, verbose=verbose):
        with stdout_for_results(), open_workspace(config, own) as workspace:
            wanted = list(workspace.catalogue)
            if name is not None:
                found = workspace.catalogue.find(name)
                if found is None:
                    raise CommandError(workspace.catalogue.unknown(name))
                wanted = [found]
            router = Router(workspace.config.routing)
            docs = [document(node_type, router, workspace.describer) for node_type in wanted]
        if as_json:
            _print_json(docs, one=name is not None)
        elif name is not None:
            _print_one(docs[0], output_console())
        else:
            _print_all(docs, output_console())


def _print_json(docs: list["NodeDoc"], *, one: bool) -> None:
    import json

    values = [doc.as_json() for doc in docs]
    typer.echo(json.dumps(values[0] if one else values, indent=2, ensure_ascii=False))


def _print_all(docs: list["NodeDoc"], console: "Console") -> None:
    from .tables import catalogue_list, catalogue_table

    is_wide = console.width >= _TABLE_COLUMNS
    console.print(catalogue_table(docs) if is_wide else catalogue_list(docs))
    for doc in docs:
        if doc.missing:
            console.print(
                f"{doc.node_type.name} needs {', '.join(doc.missing)}: pip install "
                f'"millrace-runtime[{doc.node_type.extra}]"',
                markup=False,
                soft_wrap=True,
            )


def _print_one(doc: "NodeDoc", console: "Console") -> None:
    from rich.text import Text

    from .tables import facts_table, params_table, reflowed

    console.print(Text(doc.node_type.name, "bold"))
    console.print(facts_table(doc))
    if doc.fault:
        console.print(Text(f"cannot be used: {doc.fault}", "red"))
        return
    console.print(Text(reflowed(doc.doc)))
    console.print()
    if doc.params:
        console.print(params_table(doc))
    else:
        console.print("It takes no params.")
