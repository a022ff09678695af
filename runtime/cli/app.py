"""The commands and their registration; each one's module loads what it needs when it runs."""

from importlib.metadata import version
from typing import Annotated

import typer

from .config import config
from .demo_command import demo
from .new import new
from .nodes import nodes
from .profile import profile
from .run import run
from .serve import serve
from .validate import validate

app = typer.Typer(
    name="millrace",
    help="Run pipelines of actors on audio, video, text and JSON.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(run)
app.command()(serve)
app.command()(validate)
app.command()(nodes)
app.command()(config)
app.command()(new)
app.command()(profile)

app.command()(demo)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"millrace {version('millrace-runtime')}")
        raise typer.Exit


@app.callback()
def _millrace(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Run pipelines of actors on audio, video, text and JSON."""
