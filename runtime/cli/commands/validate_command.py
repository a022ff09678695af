"""`millrace validate`: the faults of a manifest, or its plan."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, ManifestArgument, NodesOption, VerboseOption

if TYPE_CHECKING:
    from rich.console import Console

    from ...config import RuntimeConfig
    from ...plan import Plan

_STDOUT = "-"


def validate(
    manifest: ManifestArgument,
    svg: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the graph as an SVG picture; - is stdout."),
    ] = None,
    dot: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the graph for Graphviz; - is stdout."),
    ] = None,
    lenient: Annotated[
        bool,
        typer.Option(
            "--lenient", help="List keys of the older service as warnings, not as faults."
        ),
    ] = False,
    cluster: Annotated[
        bool,
        typer.Option(
            "--cluster",
            help="Ask the Ray cluster whether it has room for each node that it is to run.",
        ),
    ] = False,
    settings: ConfigOption = None,
    sources: NodesOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Check a manifest, and show which executor runs each node.

    Prints every fault with its place, or the plan: the executor and the place of each node, the
    reason, whether its streams may move to another server, and the graph. Exit status: 0 valid, 2
    not valid, or, with --cluster, a node that no machine of the cluster can run.
    """
    from ...plan.drawing import to_dot, to_svg
    from ..errors import CommandError
    from ..output_file import write_file
    from ..terminal import (
        error_console,
        errors_reported,
        output_console,
        print_text,
        stdout_for_results,
    )
    from ..workspace import open_workspace

    with errors_reported(error_console(), verbose=verbose):
        if svg is not None and svg == dot:
            raise CommandError(f"--svg {svg} and --dot {dot}: give each its own file")
        with stdout_for_results(), open_workspace(settings, sources) as workspace:
            plan = workspace.plan(manifest, lenient=lenient)
            for warning in plan.manifest.warnings:
                error_console().print(f"warning: {warning}", style="yellow", markup=False)
        pictures = {path: draw(plan) for path, draw in ((svg, to_svg), (dot, to_dot)) if path}
        for path, picture in pictures.items():
            if path == _STDOUT:
                print_text(picture)
            else:
                write_file(Path(path), picture)
        # A picture on standard output is printed alone.
        if _STDOUT not in pictures:
            _print_plan(plan, output_console(), verbose=verbose)
        if cluster:
            console = error_console() if _STDOUT in pictures else output_console()
            _check_cluster(plan, workspace.config, console)


def _print_plan(plan: "Plan", console: "Console", *, verbose: bool) -> None:
    from ...plan.drawing import draw
    from ..tables import print_moving, print_plan, print_session_settings

    print_plan(console, plan)
    console.print()
    print_moving(console, plan)
    console.print()
    drawing = draw(plan)
    widest = max(len(line) for line in drawing.splitlines())
    if widest <= console.width:
        console.print(drawing, soft_wrap=True)
    else:
        console.print(
            f"The graph is {widest} columns wide. --svg FILE writes it as a picture.", style="dim"
        )
    print_session_settings(console, plan, everything=verbose)


def _check_cluster(plan: "Plan", config: "RuntimeConfig", console: "Console") -> None:
    """Print where the Ray cluster has room for its nodes.

    Raises:
        CommandError: no machine of it has what a node asks for.
        PipelineError: it cannot be reached.
    """
    import trio

    from ...executors.ray import rooms_of
    from ..errors import CommandError
    from ..tables import print_rooms

    rooms = trio.run(rooms_of, plan, config)
    console.print()
    print_rooms(console, rooms)
    if impossible := [node for node, room in rooms.items() if not room.is_possible]:
        raise CommandError(f"the Ray cluster can never run {', '.join(impossible)}")
