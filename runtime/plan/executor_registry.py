"""What a plan must know of each executor, without opening it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from ..errors import ConfigError, Fault

NATIVE: Final = "native"
"""The executor that runs a node as a task of the server."""

MULTIPROCESS: Final = "multiprocess"
"""The executor that runs a node in a process of its own."""

EXECUTOR_GROUP: Final = "millrace.executors"
"""The entry point group in which a distribution offers executors: name = "module:factory"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorDeclaration:
    """What an executor declares.

    Attributes:
        uses_processes: whether each node runs in a process of its own. These processes count
            against `max_processes_per_session` and `max_total_processes`.
        uses_shared_memory: whether the links of its nodes go through shared memory, so that another
            process can open their ends. Otherwise they are queues of this process.
    """

    uses_processes: bool
    uses_shared_memory: bool = False


class InstalledExecutor:
    """An executor of an installed distribution, imported when a plan first needs it."""

    def __init__(self, point: EntryPoint) -> None:
        self._point = point
        self._loaded: ExecutorDeclaration | None = None

    def load(self) -> ExecutorDeclaration:
        """Return what the entry point names.

        Raises:
            ConfigError: it cannot be imported, or is no ExecutorFactory.
        """
        if self._loaded is None:
            self._loaded = self._import()
        return self._loaded

    def _import(self) -> ExecutorDeclaration:
        # The module's top level is its author's code: sys.exit() there must not end the server.
        try:
            found = self._point.load()
        except (Exception, SystemExit, GeneratorExit) as error:
            raise self._error(f"cannot be loaded: {type(error).__name__}: {error}") from error
        if not isinstance(found, ExecutorDeclaration):
            raise self._error(
                f"is an object of type {type(found).__name__}; expected a "
                "runtime.executors.ExecutorFactory"
            )
        return found

    def _error(self, reason: str) -> ConfigError:
        return ConfigError(
            [Fault(f"executor {self._point.name!r}", f"{self._point.value} {reason}")]
        )


ExecutorRegistry = Mapping[str, ExecutorDeclaration | InstalledExecutor]
"""The executors by the names that routing and manifests use."""


def declaration_of(found: ExecutorDeclaration | InstalledExecutor) -> ExecutorDeclaration:
    """Return what an executor of the registry declares.

    Raises:
        ConfigError: an installed executor cannot be imported, or is no ExecutorFactory.
    """
    return found.load() if isinstance(found, InstalledExecutor) else found


BUILT_IN_EXECUTORS: Final[Mapping[str, ExecutorDeclaration]] = {
    NATIVE: ExecutorDeclaration(uses_processes=False),
    MULTIPROCESS: ExecutorDeclaration(uses_processes=True, uses_shared_memory=True),
}


def installed_executors(
    *, installed: Iterable[EntryPoint] | None = None
) -> Mapping[str, InstalledExecutor]:
    """Return the executors of installed distributions by name. None of them is imported yet.

    Args:
        installed: entry points to use instead of those of all installed distributions.

    Raises:
        ConfigError: a name is that of a built-in executor, or two distributions offer it.
    """
    points = entry_points(group=EXECUTOR_GROUP) if installed is None else installed
    found: dict[str, InstalledExecutor] = {}
    faults = []
    for point in points:
        if point.name in found or point.name in BUILT_IN_EXECUTORS:
            distribution = "a distribution" if point.dist is None else point.dist.name
            message = f"{distribution} offers it as {point.value}, but the name is already in use"
            faults.append(Fault(f"executor {point.name!r}", message))
        found[point.name] = InstalledExecutor(point)
    if faults:
        raise ConfigError(faults)
    return found


def known_executors() -> ExecutorRegistry:
    """Return every built-in and installed executor by name.

    Raises:
        ConfigError: as `installed_executors`.
    """
    return {**BUILT_IN_EXECUTORS, **installed_executors()}
