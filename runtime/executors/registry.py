"""The built-in executors, and how any executor of the registry is opened."""

from collections.abc import Mapping
from typing import Final

from ..errors import ConfigError, Fault
from ..plan import (
    BUILT_IN_EXECUTORS,
    MULTIPROCESS,
    NATIVE,
    REMOTE,
    DisabledExecutor,
    ExecutorDeclaration,
    InstalledExecutor,
    declaration_of,
)
from .contract import ExecutorFactory, OpenExecutor
from .multiprocess import open_multiprocess_executor
from .native import open_native_executor
from .remote import open_remote_executor

_OPEN: Final[Mapping[str, OpenExecutor]] = {
    NATIVE: open_native_executor,
    MULTIPROCESS: open_multiprocess_executor,
    REMOTE: open_remote_executor,
}

BUILT_IN: Final[Mapping[str, ExecutorFactory]] = {
    name: ExecutorFactory(
        uses_processes=declared.uses_processes,
        place=declared.place,
        runs_elsewhere=declared.runs_elsewhere,
        settings=declared.settings,
        open=_OPEN[name],
    )
    for name, declared in BUILT_IN_EXECUTORS.items()
}
"""The built-in executors by name."""


def factory_of(
    name: str, found: ExecutorDeclaration | InstalledExecutor | DisabledExecutor
) -> ExecutorFactory:
    """Return the factory of an executor of the registry.

    Raises:
        ConfigError: it is disabled; or it is installed and cannot be imported, or is no
            ExecutorFactory.
    """
    loaded = declaration_of(found)
    if not isinstance(loaded, ExecutorFactory):
        message = f"is declared, but has no factory; expected an ExecutorFactory, got {loaded!r}"
        raise ConfigError([Fault(f"executor {name!r}", message)])
    return loaded
