"""The errors of the command line itself, and the exit statuses."""

import signal
from typing import Final

from ..errors import CallerError

FAILED: Final = 1
"""Exit status: the pipeline failed."""

NOT_VALID: Final = 2
"""Exit status: the command, an input, a manifest or a setting is not valid."""


class CommandError(CallerError):
    """The options or arguments of a command cannot be used, alone or together."""


class StoppedError(Exception):
    """The command was stopped by a signal.

    Attributes:
        exit_status: 128 plus the number of the signal, as a shell reports it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number
