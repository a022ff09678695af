"""Standard streams that whoever started the command has closed."""

import os
import sys
from typing import Final

# Opened the wrong way round, so that reading input or writing results fails and nothing gets lost
# in silence; what is said to people may.
_FLAGS: Final = (os.O_WRONLY, os.O_RDONLY, os.O_RDWR)


def fill_closed_streams() -> None:
    """Open the null device in place of closed standard streams.

    Otherwise the next file that is opened becomes standard input or output, and `sys.stdin`,
    `sys.stdout` and `sys.stderr` are None.
    """
    for descriptor, flags in enumerate(_FLAGS):
        try:
            os.fstat(descriptor)
        except OSError:
            # Takes the lowest free number, which is this one.
            os.set_inheritable(os.open(os.devnull, flags), True)
    # Open as long as the process lasts.
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
