"""What nodes and the runtime log, on standard error."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

_NODE: Final = "millrace.node."


class _ConsoleHandler(logging.Handler):
    """Prints records above a live display, those of nodes with the node's id."""

    def __init__(self, console: "Console", *, verbose: bool) -> None:
        super().__init__(logging.INFO)
        self._console = console
        self._verbose = verbose

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the user wants to see it."""
        if record.levelno >= logging.WARNING:
            return True
        if not record.name.startswith(("millrace", "runtime")):
            return False  # the libraries' own
        return self._verbose

    def emit(self, record: logging.LogRecord) -> None:
        """Print it."""
        node = record.name.removeprefix(_NODE) if record.name.startswith(_NODE) else ""
        message = record.getMessage()
        if record.levelno >= logging.WARNING:
            message = f"{record.levelname} {message}"
        if record.exc_info is not None:
            message += "\n" + logging.Formatter().formatException(record.exc_info)
        style = "yellow" if record.levelno >= logging.WARNING else "dim"
        line = Text.assemble((f"[{node}] " if node else "", "cyan"), (message, style))
        self._console.print(line)


@contextmanager
def logs_shown(console: "Console", *, verbose: bool) -> Iterator[None]:
    """Show warnings, and if `verbose` what nodes log, as long as the block lasts."""
    handler = _ConsoleHandler(console, verbose=verbose)
    ours = [logging.getLogger(name) for name in ("millrace", "runtime")]
    levels = [logger.level for logger in ours]
    logging.getLogger().addHandler(handler)
    for logger in ours:
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        for logger, level in zip(ours, levels, strict=True):
            logger.setLevel(level)
