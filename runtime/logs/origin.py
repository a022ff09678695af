"""The native node whose code is running, for what it prints and what its libraries log."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple


class Origin(NamedTuple):
    """The session and the node that a line comes from; empty where they are not known."""

    session: str = ""
    node: str = ""


_UNKNOWN: Final = Origin()

# Also in the threads that trio starts for the node: they run in a copy of its context.
_origin: Final = ContextVar("millrace_origin", default=_UNKNOWN)


def current_origin() -> Origin:
    """Return the native node whose code is running."""
    return _origin.get()


@contextmanager
def output_of_node(session: str, node: str) -> Iterator[None]:
    """Attribute what this task prints and logs during the block to a node."""
    token = _origin.set(Origin(session, node))
    try:
        yield
    finally:
        _origin.reset(token)
