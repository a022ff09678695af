"""Finds the copy of a process that a node forked, and that returns from the node's hook.

A copy that goes on would answer each item a second time, with the links and sockets of the first.
"""

import os
import weakref
from collections.abc import Callable
from functools import partial
from typing import NoReturn


class ForkGuard:
    """Ends a forked copy when it returns from a hook.

    Processes that a node forks, and that end or execute another program, are none of its business.

    Attributes:
        is_copy: whether this process was forked from the one that made the guard.
    """

    def __init__(self, report: Callable[[str, str], None]) -> None:
        """Create the guard.

        Args:
            report: called in the copy, with the node's key and the hook, before the copy ends.
        """
        self.is_copy = False
        self._report = report
        os.register_at_fork(after_in_child=partial(_mark, weakref.ref(self)))

    def end_copy(self, key: str, hook: str) -> NoReturn:
        """Report the copy, and end it."""
        try:
            self._report(key, hook)
        finally:
            os._exit(1)


def _mark(guard: "weakref.ref[ForkGuard]") -> None:
    found = guard()
    if found is not None:
        found.is_copy = True


def describe_fork(hook: str) -> str:
    """Return the message about a copy that returned from a hook."""
    return (
        f"{hook}() forked this process, and the child process returned from it too; end a forked "
        "child with os._exit(), or start a program with subprocess"
    )
