"""Hooks that are called at intervals."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE: Final = "_millrace_interval"


def on_interval(seconds: float | str) -> Callable[[F], F]:
    """Call a method of an actor at an interval, from when the node is ready until its input ends.

    The method takes no argument, may be `def` or `async def`, and returns outputs as `flush` does.
    It is called between two items, and never while another hook runs: a call that is due while
    `process` works waits for it, and calls that were missed are not made up for.

    >>> from actors import Actor, Json, Kind, NoParams
    >>> class RateNode(Actor[NoParams]):
    ...     '''Emit the number of items in each second.'''
    ...     produces = frozenset({Kind.JSON})
    ...     count = 0
    ...     def process(self, item):
    ...         self.count += 1
    ...     @on_interval(1.0)
    ...     def report(self) -> Json:
    ...         count, self.count = self.count, 0
    ...         return Json({"per_second": count})

    Args:
        seconds: the interval, more than 0, or the name of a param that has it.
    """

    def mark(method: F) -> F:
        setattr(method, _ATTRIBUTE, seconds)
        return method

    return mark


def intervals_of(actor: type) -> Mapping[str, float | str]:
    """Return the methods of a class that are called at intervals, with their interval."""
    found: dict[str, float | str] = {}
    for kind in reversed(actor.__mro__):
        for name, value in vars(kind).items():
            interval = getattr(value, _ATTRIBUTE, None)
            if interval is not None:
                found[name] = interval
            else:
                found.pop(name, None)  # overridden without the decorator
    return found
