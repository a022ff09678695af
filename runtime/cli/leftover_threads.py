"""Ends the command although a node has left threads behind."""

import os
import sys
import threading
from typing import Final

from ..errors import printable
from .standard_streams import write_message

# A thread that ends by itself, such as an idle worker of an executor, ends within this time.
_GRACE_SECONDS: Final = 2.0


def exit_despite_threads(status: int) -> None:
    """Exit with `status`, also if a thread that is no daemon never ends.

    Python waits for such threads at its exit, without a word and without a limit. After a grace
    period they are named, and the process ends without them.
    """
    if _leftover_threads():
        threading.Thread(target=_end_process, args=(status,), daemon=True).start()
    sys.exit(status)


def _end_process(status: int) -> None:
    """Wait for the threads, then name those that are left, and end the process."""
    # Python runs this thread as long as it waits for the others.
    for thread in _leftover_threads():
        thread.join(_GRACE_SECONDS)
    names = ", ".join(repr(printable(thread.name)) for thread in _leftover_threads())
    if names:
        write_message(
            f"warning: threads of nodes are still running: {names}; end them in cleanup(). The "
            "process ends without them.\n"
        )
        os._exit(status)


def _leftover_threads() -> list[threading.Thread]:
    return [
        thread
        for thread in threading.enumerate()
        if not thread.daemon and thread is not threading.main_thread()
    ]
