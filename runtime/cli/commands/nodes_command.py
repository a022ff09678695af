"""`millrace nodes`: the node types, or one of them with its params."""

from typing import Annotated

import typer

from ..completion import complete_node_type
from .options import ConfigOption, JsonOption, NodesOption, VerboseOption


def nodes(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="Show this node type with its params.",
            show_default=False,
            autocompletion=complete_node_type,
        ),
    ] = None,
    as_json: JsonOption = False,
    settings: ConfigOption = None,
    sources: NodesOption = None,
    verbose: VerboseOption = False,
) -> None:
    """List the node types, or show one of them.

    With a name: its params with accepted values and defaults, the kinds of data that it accepts and
    produces, its executor, and its documentation.
    """
    from ...plan import Router
    from ..errors import CommandError
    from ..tables import node_type_entry, print_node_type, print_node_types
    from ..terminal import (
        error_console,
        errors_reported,
        output_console,
        print_json,
        stdout_for_results,
    )
    from ..workspace import open_workspace

    with errors_reported(error_console(), verbose=verbose):
        with stdout_for_results(), open_workspace(settings, sources) as workspace:
            selected = list(workspace.catalogue)
            if name is not None:
                found = workspace.catalogue.find(name)
                if found is None:
                    raise CommandError(workspace.catalogue.unknown(name))
                selected = [found]
            router = Router(workspace.config.routing)
            entries = [node_type_entry(each, router, workspace.describer) for each in selected]
        if as_json:
            values = [entry.as_json() for entry in entries]
            print_json(values if name is None else values[0])
        elif name is None:
            print_node_types(output_console(), entries)
        else:
            print_node_type(output_console(), entries[0])
