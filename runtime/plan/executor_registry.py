"""What a plan must know of each executor, without opening it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from ..config import Executors, ExecutorSettings, RemoteSettings, Section
from ..documents import check, did_you_mean, shown
from ..errors import ConfigError, Fault

NATIVE: Final = "native"
"""The executor that runs a node as a task of the server."""

MULTIPROCESS: Final = "multiprocess"
"""The executor that runs a node in a process of its own."""

REMOTE: Final = "remote"
"""The executor that runs a node on the server that its manifest names as `host`."""

EXECUTOR_GROUP: Final = "millrace.executors"
"""The entry point group in which a distribution offers executors: name = "module:factory"."""


class Place(Enum):
    """Where the ends of a node's links are.

    SERVER: in the server's process; links to such nodes are queues.
    MACHINE: in a process of the same machine; its links go through shared memory.
    SOCKET: in a process behind a socket, on this machine or another one.
    """

    SERVER = "server"
    MACHINE = "machine"
    SOCKET = "socket"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorDeclaration:
    """What an executor declares.

    Attributes:
        uses_processes: whether each node runs in a process of its own on this machine. These
            processes count against `max_processes_per_session` and `max_total_processes`.
        place: where the ends of its nodes' links are.
        runs_elsewhere: whether the nodes run outside of the server's process although the ends of
            their links are in it, because the executor carries the items on.
        settings: the settings that the operator may give it in [executors.NAME].
    """

    uses_processes: bool
    place: Place = Place.SERVER
    runs_elsewhere: bool = False
    settings: type[ExecutorSettings] = ExecutorSettings

    @property
    def loads_classes_elsewhere(self) -> bool:
        """Whether another process of ours must load the classes of its nodes."""
        return self.uses_processes or self.place is not Place.SERVER

    @property
    def is_isolated(self) -> bool:
        """Whether its nodes share no memory and no event loop with the server."""
        return self.loads_classes_elsewhere or self.runs_elsewhere


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


@dataclass(frozen=True, slots=True)
class DisabledExecutor:
    """An executor that the operator has not enabled.

    Attributes:
        name: of the executor.
    """

    name: str

    @property
    def reason(self) -> str:
        """What is wrong with using it, and how to enable it."""
        return f"executor {shown(self.name)} is off; set executors.{self.name}.enabled = true"


ExecutorRegistry = Mapping[str, ExecutorDeclaration | InstalledExecutor | DisabledExecutor]
"""The executors by the names that routing and manifests use."""


def declaration_of(
    found: ExecutorDeclaration | InstalledExecutor | DisabledExecutor,
) -> ExecutorDeclaration:
    """Return what an executor of the registry declares.

    Raises:
        ConfigError: it is disabled; or it is installed and cannot be imported, or is no
            ExecutorFactory.
    """
    if isinstance(found, DisabledExecutor):
        raise ConfigError([Fault(f"executors.{found.name}", found.reason)])
    return found.load() if isinstance(found, InstalledExecutor) else found


ALWAYS_ENABLED: Final = (NATIVE, MULTIPROCESS)
"""The executors that have no table in [executors], and that every runtime has."""

BUILT_IN_EXECUTORS: Final[Mapping[str, ExecutorDeclaration]] = {
    NATIVE: ExecutorDeclaration(uses_processes=False),
    MULTIPROCESS: ExecutorDeclaration(uses_processes=True, place=Place.MACHINE),
    REMOTE: ExecutorDeclaration(uses_processes=False, runs_elsewhere=True, settings=RemoteSettings),
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


def known_executors(config: Executors) -> ExecutorRegistry:
    """Return every built-in and installed executor by name.

    Raises:
        ConfigError: as `installed_executors` and `enabled_executors`.
    """
    return enabled_executors({**BUILT_IN_EXECUTORS, **installed_executors()}, config)


def enabled_executors(
    executors: ExecutorRegistry, config: Executors, *, given: Collection[str] = ()
) -> ExecutorRegistry:
    """Return the executors, those that the operator has not enabled as such.

    Args:
        executors: by name.
        config: their settings.
        given: those that the application has brought itself. They need not be enabled, and can be
            disabled.

    Raises:
        ConfigError: there are settings for an executor that does not exist, or that has none.
    """
    faults = list(_faults_of_tables(executors, config))
    if faults:
        raise ConfigError(faults)
    return {
        name: found if _is_enabled(name, config, given) else DisabledExecutor(name)
        for name, found in executors.items()
    }


def settings_of(name: str, declared: ExecutorDeclaration, config: Executors) -> ExecutorSettings:
    """Return the operator's settings of an executor, in the class that it declares.

    Raises:
        ConfigError: a value is not valid; every fault is listed.
    """
    given = config.of(name)
    if given is None:
        return declared.settings()
    if type(given) is declared.settings:
        return given
    checked = check(declared.settings, given.model_dump(exclude_unset=True))
    if checked.model is None:
        raise ConfigError(
            Fault(_place(config, ".".join(map(str, (name, *problem.path)))), problem.message)
            for problem in checked.problems
        )
    return checked.model.with_origins(
        {key: given.origin(key) for key in checked.model.model_fields_set}
    )


def _is_enabled(name: str, config: Executors, given: Collection[str]) -> bool:
    if name in ALWAYS_ENABLED:
        return True
    settings = config.of(name)
    if name in given and (settings is None or "enabled" not in settings.model_fields_set):
        return True
    return settings is not None and settings.enabled


def _faults_of_tables(executors: ExecutorRegistry, config: Executors) -> Iterable[Fault]:
    optional = {*type(config).model_fields, *executors} - {*ALWAYS_ENABLED}
    for name in config.outside:
        if name in ALWAYS_ENABLED:
            yield Fault(_place(config, name), "is always enabled, and has no settings here")
        elif name not in executors:
            hint = did_you_mean(name, sorted(optional), or_else="executors that have settings")
            yield Fault(_place(config, name), f"no executor {shown(name)} is installed; {hint}")
    for name in type(config).model_fields:
        section = config.of(name)
        if section is not None and section.enabled and name not in executors:
            yield Fault(_place(config, f"{name}.enabled"), "this version has no such executor")


def _place(config: Section, key: str) -> str:
    """Return the place of a setting: its key, after the file that it is in."""
    file = config.origin(key.partition(".")[0]).name
    return f"{file}: executors.{key}" if file else f"executors.{key}"
