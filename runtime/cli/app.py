"""The application: its commands, and how it reports a wrong command line."""

from importlib.metadata import version
from typing import Annotated, Final

import typer

from .commands import (
    bypass,
    config,
    demo,
    disable,
    doctor,
    enable,
    explain,
    health,
    inspect,
    kill,
    new,
    nodes,
    profile,
    record,
    replay,
    run,
    send,
    serve,
    sessions,
    tap,
    top,
    validate,
)

_INTERRUPTED: Final = 130

app = typer.Typer(
    name="millrace",
    help="Run pipelines of actors on audio, video, text and JSON.",
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# In the order in which --help lists them.
for command in (
    run,
    serve,
    health,
    validate,
    nodes,
    config,
    doctor,
    new,
    profile,
    replay,
    inspect,
    sessions,
    top,
    explain,
    tap,
    send,
    bypass,
    disable,
    enable,
    record,
    kill,
    demo,
):
    app.command()(command)


def run_app() -> int:
    """Run the command that the arguments name, and return the exit status."""
    from .errors import NOT_VALID

    try:
        # Not standalone: typer would print the names in the arguments as they are.
        return app(prog_name="millrace", standalone_mode=False) or 0
    except typer.Abort:  # Ctrl-C while the command was still being imported
        return _INTERRUPTED
    except typer.TyperException as error:
        _report_usage(error)
        return NOT_VALID


def _report_usage(error: typer.TyperException) -> None:
    """Print what is wrong with the command line."""
    from .terminal import error_console, print_error

    console = error_console()
    print_error(error.format_message(), console)
    context = getattr(error, "ctx", None)  # of every error that the parser raises
    if context is not None:
        console.print(f"{context.command_path} --help lists the options", style="dim")


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"millrace {version('millrace-runtime')}")
        raise typer.Exit


@app.callback()
def _millrace(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Run pipelines of actors on audio, video, text and JSON."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)
