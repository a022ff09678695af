"""`breakpoint()` in a node's own process: a debugger on the terminal, if somebody asked for one."""

import logging
import os
import sys
from functools import partial
from typing import Final

_VARIABLE: Final = "MILLRACE_DEBUG"


def debug_environment(node_id: str, terminal: str) -> dict[str, str]:
    """Return what the environment of a node's process says, for it to be debugged.

    Args:
        node_id: the node.
        terminal: the path of the terminal on which the debugger talks.
    """
    return {_VARIABLE: f"{node_id}={terminal}"}


def set_breakpoint_hook(node_id: str) -> None:
    """Let `breakpoint()` stop in a debugger if this node is to be debugged, else say how to."""
    node, _, terminal = os.environ.get(_VARIABLE, "").partition("=")
    if terminal and node == node_id:
        sys.breakpointhook = partial(_stop, terminal)
    else:
        sys.breakpointhook = partial(_pass_by, node_id)


def _stop(terminal: str) -> None:
    import pdb  # here, as no other process needs it

    # A process of its own has no terminal: standard input is empty, its output is the log.
    stdin, stdout = open(terminal), open(terminal, "w")  # noqa: SIM115 (open while it is debugged)
    debugger = pdb.Pdb(stdin=stdin, stdout=stdout, nosigint=True)
    debugger.prompt = "(millrace pdb) "
    debugger.set_trace(sys._getframe(1))


def _pass_by(node_id: str) -> None:
    logging.getLogger(f"millrace.node.{node_id}").warning(
        "passed a breakpoint(); `millrace run --debug %s` stops there", node_id
    )
