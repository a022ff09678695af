"""How a command reports an error to people, and to scripts by its exit status."""

import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import typer
from rich.text import Text

from ...errors import (
    CallerError,
    ConfigError,
    ManifestError,
    MillraceError,
    printable_entry,
    shortened,
    sole_error,
)
from ..errors import FAILED, NOT_VALID, StoppedError

if TYPE_CHECKING:
    from rich.console import Console

# A node may raise an error with megabytes of text, such as the repr of a request.
_MESSAGE_CHARACTERS: Final = 4000
_LINE_CHARACTERS: Final = 1000
_FIRST_LINES: Final = 20
_LAST_LINES: Final = 100


@contextmanager
def errors_reported(console: "Console", *, verbose: bool) -> Iterator[None]:
    """Report an error of the block on `console`, and exit with its status.

    Args:
        console: of standard error.
        verbose: whether to print the traceback of this process too.

    Raises:
        typer.Exit: the block raised.
    """
    try:
        yield
    except typer.Exit:
        raise
    except (Exception, KeyboardInterrupt, BaseExceptionGroup) as error:  # noqa: BLE001 (reported)
        sole = sole_error(error) if isinstance(error, BaseExceptionGroup) else error
        raise typer.Exit(_report(sole, console, verbose=verbose)) from None


def _report(error: BaseException, console: "Console", *, verbose: bool) -> int:
    """Print an error, and return the exit status."""
    # Imported here: these bring numpy, and --help needs none.
    from ...media import ReaderGoneError

    if isinstance(error, StoppedError):
        return error.exit_status
    if isinstance(error, KeyboardInterrupt):
        return 128 + signal.SIGINT
    if isinstance(error, ReaderGoneError | BrokenPipeError):
        return 128 + signal.SIGPIPE  # as if SIGPIPE had ended the process
    if verbose:
        _print_lines("".join(traceback.format_exception(error)), console)
    if isinstance(error, ManifestError | ConfigError):
        _print_faults(error, console)
        return NOT_VALID
    if isinstance(error, MillraceError):
        print_error(str(error), console)
        if error.stack_trace:
            _print_lines(error.stack_trace, console, indent="    ")
        return NOT_VALID if isinstance(error, CallerError) else FAILED
    print_error(f"{type(error).__name__}: {error}", console, title="internal error")
    if not verbose:
        console.print("--verbose prints the traceback", style="dim")
    return FAILED


def _print_faults(error: ManifestError | ConfigError, console: "Console") -> None:
    for fault in error.faults:
        line = Text(fault.where, "bold") if fault.where else Text()
        message = printable_entry(shortened(fault.message, _MESSAGE_CHARACTERS))
        line.append(": " if fault.where else "", "not bold").append(message, "not bold")
        console.print(line)
    if len(error.faults) > 1:
        console.print(f"{len(error.faults)} faults", style="red")


def print_error(message: str, console: "Console", *, title: str = "error") -> None:
    """Print an error; a long one is shortened."""
    shown = printable_entry(shortened(message, _MESSAGE_CHARACTERS))
    console.print(Text.assemble((f"{title}: ", "bold red"), shown))


def _print_lines(text: str, console: "Console", *, indent: str = "") -> None:
    """Print a traceback; of a long one the first and last lines, each shortened."""
    lines = text.rstrip().splitlines()
    omitted = len(lines) - _FIRST_LINES - _LAST_LINES
    if omitted > 0:
        lines[_FIRST_LINES:-_LAST_LINES] = [f"... ({omitted:,} lines)"]
    shown = [indent + shortened(line, _LINE_CHARACTERS) for line in lines]
    console.print("\n".join(shown), style="dim", soft_wrap=True)
