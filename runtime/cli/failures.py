"""What a command says when it fails, and the exit status that tells it to scripts."""

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import typer

from ..errors import CallerError, ConfigError, ManifestError, MillraceError, sole_error

if TYPE_CHECKING:
    from rich.console import Console

FAILED: Final = 1
"""Exit status: the pipeline failed."""

NOT_VALID: Final = 2
"""Exit status: the command, an input, a manifest or a setting is not valid."""


class CommandError(CallerError):
    """What the command line asks for does not fit together."""


class StoppedError(Exception):
    """A signal asked the command to stop, and it did."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number


@contextmanager
def failures_said(console: "Console", *, verbose: bool) -> Iterator[None]:
    """Say an error of the block in plain words on `console`, and exit with its status."""
    try:
        yield
    except typer.Exit:
        raise
    except (Exception, KeyboardInterrupt, BaseExceptionGroup) as error:  # noqa: BLE001 (all are said)
        real = sole_error(error) if isinstance(error, BaseExceptionGroup) else error
        raise typer.Exit(_say(real, console, verbose=verbose)) from None


def _say(error: BaseException, console: "Console", *, verbose: bool) -> int:
    """Say what went wrong, and return the exit status."""
    # Imported here, as these bring numpy, and a command that only prints its help needs none.
    from ..media import ReaderGoneError

    if isinstance(error, StoppedError):
        return error.exit_status
    if isinstance(error, KeyboardInterrupt):
        return 128 + signal.SIGINT
    if isinstance(error, ReaderGoneError | BrokenPipeError):
        # As if SIGPIPE had ended it. What is left in Python's own buffer has no reader either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
        return 128 + signal.SIGPIPE
    if verbose:
        lines = traceback.format_exception(error)
        console.print("".join(lines).rstrip(), style="dim", markup=False, soft_wrap=True)
    if isinstance(error, ManifestError | ConfigError):
        _say_faults(error, console)
        return NOT_VALID
    if isinstance(error, MillraceError):
        _say_error(str(error), console)
        if error.stack_trace:
            indented = [f"    {line}" for line in error.stack_trace.rstrip().splitlines()]
            console.print("\n".join(indented), style="dim", markup=False, soft_wrap=True)
        return NOT_VALID if isinstance(error, CallerError) else FAILED
    _say_error(f"{type(error).__name__}: {error}", console, title="internal error")
    if not verbose:
        console.print("--verbose shows where it comes from", style="dim")
    return FAILED


def _say_faults(error: ManifestError | ConfigError, console: "Console") -> None:
    from rich.text import Text

    for fault in error.faults:
        line = Text(fault.where, "bold") if fault.where else Text()
        line.append(": " if fault.where else "", "not bold").append(fault.message, "not bold")
        console.print(line)
    if len(error.faults) > 1:
        console.print(f"{len(error.faults)} faults", style="red")


def _say_error(message: str, console: "Console", *, title: str = "error") -> None:
    from rich.text import Text

    console.print(Text.assemble((f"{title}: ", "bold red"), message))
