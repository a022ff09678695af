"""Executors that installed distributions offer."""

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import EntryPoint, entry_points

from ..config import RuntimeConfig
from ..errors import ConfigError, Fault
from ..plan import EXECUTOR_GROUP
from .contract import Executor, ExecutorFactory, Executors


def installed_executors(
    taken: Iterable[str], *, installed: Iterable[EntryPoint] | None = None
) -> Executors:
    """Return the factories of installed executors by name; nothing is imported yet.

    Args:
        taken: names that are not to be had.
        installed: instead of the entry points of all installed distributions.

    Raises:
        ConfigError: a name is taken, or two distributions offer it.
    """
    points = entry_points(group=EXECUTOR_GROUP) if installed is None else installed
    names, found, faults = set(taken), {}, []
    for point in points:
        if point.name in names:
            who = "a distribution" if point.dist is None else point.dist.name
            message = f"{who} offers it as {point.value}, but there is one of that name"
            faults.append(Fault(f"executor {point.name!r}", message))
        names.add(point.name)
        found[point.name] = _loading(point)
    if faults:
        raise ConfigError(faults)
    return found


def _loading(point: EntryPoint) -> ExecutorFactory:
    def open_executor(config: RuntimeConfig) -> AbstractAsyncContextManager[Executor]:
        try:
            factory: ExecutorFactory = point.load()
        except Exception as error:  # a module's top level is its author's code
            message = f"{point.value} cannot be loaded: {type(error).__name__}: {error}"
            raise ConfigError([Fault(f"executor {point.name!r}", message)]) from error
        return factory(config)

    return open_executor
