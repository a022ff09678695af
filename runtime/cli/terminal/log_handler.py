"""Shows on standard error what nodes and the runtime log, during `run` and `profile`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.text import Text

from ...errors import printable_entry, shortened

if TYPE_CHECKING:
    from rich.console import Console

_NODE: Final = "millrace.node."
_SESSION: Final = "millrace.session"
_OWN: Final = ("millrace", "runtime")
_MESSAGE_CHARACTERS: Final = 4000


class _ConsoleHandler(logging.Handler):
    """Prints records above a live display, those of nodes with the node's id."""

    def __init__(self, console: "Console", *, verbose: bool) -> None:
        super().__init__(logging.INFO)
        self._console = console
        self._verbose = verbose

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is shown: warnings always, the runtime's if verbose."""
        if record.name == _SESSION and not self._verbose:
            return False  # the command itself reports the error of its session
        if record.levelno >= logging.WARNING:
            return True
        return self._verbose and record.name.startswith(_OWN)

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        node = record.name.removeprefix(_NODE) if record.name.startswith(_NODE) else ""
        message = shortened(record.getMessage(), _MESSAGE_CHARACTERS)
        if record.levelno >= logging.WARNING:
            message = f"{record.levelname} {message}"
        if record.exc_info is not None:
            message += "\n" + logging.Formatter().formatException(record.exc_info)
        style = "yellow" if record.levelno >= logging.WARNING else "dim"
        label = (f"[{node}] " if node else "", "cyan")
        self._console.print(Text.assemble(label, (printable_entry(message), style)))


@contextmanager
def logs_shown(console: "Console", *, verbose: bool) -> Iterator[None]:
    """Show warnings during the block, and if `verbose` what nodes and the runtime log."""
    handler = _ConsoleHandler(console, verbose=verbose)
    own = [logging.getLogger(name) for name in _OWN]
    levels = [logger.level for logger in own]
    logging.getLogger().addHandler(handler)
    for logger in own:
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        for logger, level in zip(own, levels, strict=True):
            logger.setLevel(level)
