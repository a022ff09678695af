"""`millrace validate`: the faults of a manifest, or its plan."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, ManifestArgument, NodesOption, VerboseOption

if TYPE_CHECKING:
    from rich.console import Console

    from ..plan import Plan

_STDOUT = "-"


def validate(
    manifest: ManifestArgument,
    svg: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write a picture of the graph; - is stdout."),
    ] = None,
    dot: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the graph for Graphviz; - is stdout."),
    ] = None,
    config: ConfigOption = None,
    nodes: NodesOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Check a manifest, and show what runs where.

    Lists all faults, each with its place; or the plan: which executor runs which node, why, and the
    graph. Exit status: 0 valid, 2 not valid.
    """
    from ..plan.drawing import to_dot, to_svg
    from .failures import failures_said
    from .screen import error_console, output_console, stdout_for_results
    from .workspace import open_workspace

    console = error_console()
    with failures_said(console, verbose=verbose):
        with stdout_for_results(), open_workspace(config, nodes) as workspace:
            plan = workspace.plan(manifest)
        pictures = [(path, draw) for path, draw in ((svg, to_svg), (dot, to_dot)) if path]
        for path, draw in pictures:
            _write(path, draw(plan))
        # A picture on standard output stands there alone.
        if not any(path == _STDOUT for path, _ in pictures):
            _print_plan(plan, output_console(), verbose=verbose)


def _print_plan(plan: "Plan", console: "Console", *, verbose: bool) -> None:
    from ..plan.drawing import draw
    from .tables import plan_table, settings_table

    console.print(plan_table(plan))
    console.print()
    drawing = draw(plan)
    widest = max(len(line) for line in drawing.splitlines())
    if widest <= console.width:
        console.print(drawing, markup=False, soft_wrap=True)
    else:
        console.print(
            f"the graph is {widest} columns wide: --svg FILE draws it as a picture", style="dim"
        )
    settings = settings_table(plan, everything=verbose)
    if settings.row_count:
        console.print()
        console.print(settings)


def _write(path: str, text: str) -> None:
    if path == _STDOUT:
        typer.echo(text, nl=False)
        return
    from .failures import CommandError

    try:
        Path(path).write_text(text, "utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CommandError(f"{path}: cannot be written: {reason}") from error
