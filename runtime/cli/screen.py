"""Where a command prints: standard error for people, standard output for results."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from rich.console import Console

# A table in a file or a pipe is not broken for a screen that is not there.
_WIDTH_OF_FILES = 1000


class _QuitConsole(Console):
    """A console that leaves a closed pipe to the one place that knows the exit status."""

    def on_broken_pipe(self) -> None:
        """Pass the error on."""
        raise BrokenPipeError


def error_console() -> Console:
    """Return the console of standard error; lines are broken between words, on a terminal only."""
    return _QuitConsole(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def output_console() -> Console:
    """Return the console of standard output."""
    width = None if sys.stdout.isatty() else _WIDTH_OF_FILES
    return _QuitConsole(highlight=False, width=width)


@contextmanager
def stdout_for_results() -> Iterator[int]:
    """Yield a descriptor of standard output that only the caller has.

    Everything else that is printed in the block goes to standard error: node modules that print
    while they are imported, native actors, libraries in C. Without it `millrace run ... | other`
    would get that in between.
    """
    sys.stdout.flush()
    results = os.dup(1)
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield results
    finally:
        os.dup2(results, 1)
        os.close(results)
