"""The executors of a runtime, each opened when the first session needs it."""

import logging
from typing import Final

import trio

from ..config import ExecutorSettings, RuntimeConfig
from ..errors import MillraceError, PipelineError, printable, sole_error
from ..execution import FreedMemory
from ..executors import Executor, ExecutorFactory, factory_of
from ..plan import ALWAYS_ENABLED, DisabledExecutor, ExecutorRegistry, settings_of

_log: Final = logging.getLogger("millrace.session")


class OpenExecutors:
    """Opens each executor once and keeps it open, in a nursery of the runtime.

    Attributes:
        registry: every executor by name, also those that are not open.
    """

    def __init__(
        self, registry: ExecutorRegistry, config: RuntimeConfig, nursery: trio.Nursery
    ) -> None:
        self.registry = registry
        self._config = config
        self._nursery = nursery
        self._open: dict[str, Executor] = {}
        self._opening = trio.Lock()
        self._freed_memory = FreedMemory(nursery)

    async def get(self, name: str) -> Executor:
        """Return an executor; open it if it is not open.

        Raises:
            ConfigError: it is disabled, its settings are not valid, or it is installed, and cannot
                be imported.
            PipelineError: it cannot be opened.
        """
        async with self._opening:
            if name not in self._open:
                factory = factory_of(name, self.registry[name])
                settings = settings_of(name, factory, self._config.executors)
                self._open[name] = await self._nursery.start(
                    self._keep_open, name, factory, settings
                )
            return self._open[name]

    def note_session_end(self) -> None:
        """Note that a session has ended: what its links had is returned to the machine soon."""
        self._freed_memory.return_soon()

    async def open_enabled(self) -> None:
        """Open every executor that is enabled. One that cannot be opened is logged, with its error.

        A session that needs it tries again, and fails with that error.

        Raises:
            MillraceError: a built-in one that is always there cannot be opened.
        """
        for name, found in self.registry.items():
            if isinstance(found, DisabledExecutor):
                continue
            try:
                await self.get(name)
            except MillraceError as error:
                if name in ALWAYS_ENABLED:
                    raise
                _log.error("executor %s is not available: %s", printable(name), error)

    async def _keep_open(  # noqa: ASYNC114 (`get` awaits its start)
        self,
        name: str,
        factory: ExecutorFactory,
        settings: ExecutorSettings,
        task_status: trio.TaskStatus[Executor] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Hold an executor in a task of its own, since its block may hold a nursery."""
        is_open = False
        try:
            async with factory.open(self._config, settings) as executor:
                is_open = True
                task_status.started(executor)
                await trio.sleep_forever()
        except Exception as error:  # noqa: BLE001 (an executor is its author's code)
            real = sole_error(error) if isinstance(error, BaseExceptionGroup) else error
            if not is_open:
                if isinstance(real, MillraceError):
                    raise real from real.__cause__
                message = f"executor {name!r} cannot be opened: {type(real).__name__}: {real}"
                raise PipelineError(message) from real
            # Sessions without a node of this executor go on, and the next that needs it opens it
            # again. Those that have one see its error themselves.
            self._open.pop(name, None)
            _log.error("executor %s failed", printable(name), exc_info=real)
