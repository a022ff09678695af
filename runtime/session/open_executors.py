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


# A Ray cluster that is out of reach is given up after 20 s.
_OPEN_SECONDS: Final = 60.0
# At the start of a server, sessions that need other executors do not wait for longer.
_START_SECONDS: Final = 5.0


class _Opening:
    """An executor that is being opened, for all who wait for it.

    Attributes:
        ended: set when it is open, or will not be.
        error: why it could not be opened; None otherwise.
    """

    def __init__(self) -> None:
        self.ended = trio.Event()
        self.error: MillraceError | None = None


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
        self._opening: dict[str, _Opening] = {}
        self._freed_memory = FreedMemory(nursery)

    async def get(self, name: str) -> Executor:
        """Return an executor; open it if it is not open. Those who wait for one wait for no other.

        Raises:
            ConfigError: it is disabled, its settings are not valid, or it is installed, and cannot
                be imported.
            PipelineError: it cannot be opened, or not in time.
        """
        while name not in self._open:
            opening = self._opening.get(name)
            if opening is None:
                await self._open_for_all(name)
            else:
                await opening.ended.wait()
                if opening.error is not None:
                    raise opening.error
        return self._open[name]

    def note_session_end(self) -> None:
        """Note that a session has ended: what its links had is returned to the machine soon."""
        self._freed_memory.return_soon()

    async def open_enabled(self) -> None:
        """Open every executor that is enabled. One that cannot be opened is logged, with its error.

        A session that needs it tries again, and fails with that error. One that takes long is
        opened on while the server begins.

        Raises:
            MillraceError: a built-in one that is always there cannot be opened.
        """
        enabled = [n for n, each in self.registry.items() if not isinstance(each, DisabledExecutor)]
        others = {name: trio.Event() for name in enabled if name not in ALWAYS_ENABLED}
        for name, ended in others.items():
            self._nursery.start_soon(self._open_logged, name, ended)
        for name in enabled:
            if name in ALWAYS_ENABLED:
                await self.get(name)
        with trio.move_on_after(_START_SECONDS):
            for ended in others.values():
                await ended.wait()
        for name, ended in others.items():
            if not ended.is_set():
                _log.warning("executor %s is still being opened", printable(name))

    async def _open_logged(self, name: str, ended: trio.Event) -> None:
        try:
            await self.get(name)
        except MillraceError as error:
            _log.error("executor %s is not available: %s", printable(name), error)
        finally:
            ended.set()

    async def _open_for_all(self, name: str) -> None:
        opening = self._opening[name] = _Opening()
        try:
            factory = factory_of(name, self.registry[name])
            settings = settings_of(name, factory, self._config.executors)
            with trio.move_on_after(_OPEN_SECONDS):
                self._open[name] = await self._nursery.start(
                    self._keep_open, name, factory, settings
                )
                return
            message = f"executor {name!r} is not open after {_OPEN_SECONDS:g} s"
            raise PipelineError(message)
        except MillraceError as error:
            opening.error = error
            raise
        finally:
            del self._opening[name]
            opening.ended.set()

    async def _keep_open(  # noqa: ASYNC114 (its start is awaited)
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
