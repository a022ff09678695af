"""The end of a node process's links."""

import ctypes

from ...links import Inbox, Output


def close_links(inbox: Inbox, output: Output) -> None:
    """Close them, unless other processes may still view what this one has borrowed.

    The producer would use a slot again that is given back. So these are left as a killed process
    leaves them, for ever: not even the end of the interpreter gives back what has one owner more.
    """
    if output.is_lending:
        for ends in (inbox, output):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(ends))
        return
    inbox.close()
    output.close()
