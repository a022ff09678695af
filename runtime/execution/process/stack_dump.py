"""The stacks of a process that hangs, written by a signal handler in C.

`faulthandler` writes them whatever the process does: in an endless loop of Python or of C, or
waiting for a lock. They come among the lines of the process's output.
"""

import faulthandler
import os
import re
import signal
from typing import Final

import trio

DUMP_SIGNAL: Final = signal.SIGRTMAX - 3
"""A signal that no library of ours uses. It does not end a process that has this handler."""

_HEADING: Final = re.compile(r"(Current thread|Thread) 0x[0-9a-f]+.* \(most recent call first\):")
_LINE: Final = re.compile(r"  (File \".*\", line \d+|\.\.\.|<truncated)")
_LAST: Final = re.compile(r"  (.* in _run_module_as_main|\.\.\.|<truncated.*)")


def dump_stacks_on_signal(output: int) -> None:
    """Let this process write its stacks to a copy of the descriptor `output` at `DUMP_SIGNAL`."""
    faulthandler.register(DUMP_SIGNAL, file=os.dup(output), all_threads=True)


class StackDump:
    """Collects a dump from the lines of a process's output.

    Attributes:
        complete: set when the stack of the main thread, which comes last, is there.
    """

    def __init__(self) -> None:
        self.complete = trio.Event()
        self._lines: list[str] = []
        self._is_main = False

    def take(self, line: str) -> bool:
        """Take a line if it belongs to the dump; return whether it does."""
        if _HEADING.fullmatch(line):
            self._is_main = line.startswith("Current")
        elif not self._lines or not _LINE.match(line):
            return False
        self._lines.append(line)
        if self._is_main and _LAST.fullmatch(line):
            self.complete.set()
        return True

    @property
    def text(self) -> str:
        """The stacks so far; empty if none came."""
        return "\n".join(self._lines)
