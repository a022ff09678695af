"""Standard streams that are closed when the command starts, or full when it ends."""

import os
import select
import sys
from typing import Final

# The direction is wrong on purpose for stdin and stdout: reading input or writing results fails
# with an error, so nothing is lost silently. Messages on stderr may get lost.
_FLAGS: Final = (os.O_WRONLY, os.O_RDONLY, os.O_RDWR)


def prepare_streams() -> None:
    """Open the null device in place of closed standard streams, and let all text be written.

    Without a stream, the next file that is opened would become standard input or output, and
    `sys.stdin`, `sys.stdout` and `sys.stderr` are None. Characters that the encoding of standard
    output lacks are escaped.
    """
    for descriptor, flags in enumerate(_FLAGS):
        try:
            os.fstat(descriptor)
        except OSError:
            # Takes the lowest free number, which is this one.
            os.set_inheritable(os.open(os.devnull, flags), True)
    # They stay open as long as the process lives.
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def write_message(text: str) -> None:
    """Write a message to standard error, unless that would block: nobody may be reading it."""
    poll = select.poll()
    try:
        poll.register(sys.stderr.fileno(), select.POLLOUT)
        if poll.poll(0):
            sys.stderr.write(text)
            sys.stderr.flush()
    except OSError:
        return


def discard_unwritten() -> None:
    """Discard the output that a full disk or a closed pipe did not take.

    The error was reported when it happened. Python would try to write again at its exit, fail, and
    replace the exit status.
    """
    for descriptor, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, descriptor)
            os.close(null)
