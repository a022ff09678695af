"""Keeps the templates of a runtime: starts them when needed, and ends those that are not used."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

from ...errors import MillraceError
from .forkserver import Forkserver, open_template
from .forkserver_keeper import ForkserverKeeper
from .node_process import NodeProcess
from .template_main import MAX_SPEC_BYTES, TemplateSpec

_PRELOAD_SECONDS: Final = 300.0
# A template forks in 10 ms.
_FORK_SECONDS: Final = 3.0

_log = logging.getLogger("millrace.templates")


class Template:
    """One template, from its start to its end.

    Attributes:
        forkserver: None while it preloads.
        nodes: node processes of it that run.
        served: how many it has forked in all.
    """

    def __init__(self, spec: TemplateSpec) -> None:
        self.spec = spec
        self.forkserver: Forkserver | None = None
        self.nodes = self.served = 0
        self.used = trio.current_time()
        self.scope = trio.CancelScope()


class Templates:
    """The templates, by what they preload."""

    def __init__(
        self,
        keeper: Forkserver | ForkserverKeeper,
        nursery: trio.Nursery,
        *,
        max_count: int,
        max_bytes: int,
        idle_seconds: float,
    ) -> None:
        """Create it; the templates run in the nursery.

        Args:
            keeper: forks the templates.
            nursery: of the executor.
            max_count: of templates at once.
            max_bytes: of the resident memory of one template; 0 for no limit.
            idle_seconds: after which a template without node processes is ended.
        """
        self._keeper = keeper
        self._nursery = nursery
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._idle_seconds = idle_seconds
        self._templates: dict[TemplateSpec, Template] = {}
        self._unusable: dict[tuple[str, bytes], None] = {}

    @asynccontextmanager
    async def forked(
        self, spec: TemplateSpec, timeout_seconds: float
    ) -> AsyncIterator[NodeProcess | None]:
        """Fork a node process from its template; the caller ends it within the block.

        None if there is no template yet: one is then started, for the next node.
        """
        template = self._ready(spec)
        if template is None or template.forkserver is None:
            yield None
            return
        template.nodes += 1
        template.served += 1
        try:
            process = None
            try:
                # The rest of the time is for a start without it.
                seconds = min(timeout_seconds / 2, _FORK_SECONDS)
                process = await template.forkserver.fork(timeout_seconds=seconds)
            except MillraceError as error:
                _log.error("template of %s: %s; nodes start without it", spec.target, error)
                # Its other nodes run on; it ends when it has been idle.
                self._forget(template)
            yield process
        finally:
            template.nodes -= 1
            template.used = trio.current_time()

    def _ready(self, spec: TemplateSpec) -> Template | None:
        template = self._templates.get(spec)
        if template is None:
            self._start(spec)
        return template

    def _start(self, spec: TemplateSpec) -> None:
        if (spec.target, spec.params) in self._unusable:
            return
        if len(self._templates) >= self._max_count:
            idle = [each for each in self._templates.values() if not each.nodes]
            if not idle:
                return
            # One that nobody has used is no loss: clients may send other params with each session.
            least = min(idle, key=lambda each: (each.served > 0, each.used))
            del self._templates[least.spec]
            least.scope.cancel()
        template = self._templates[spec] = Template(spec)
        self._nursery.start_soon(self._keep, template)

    async def _keep(self, template: Template) -> None:
        spec = template.spec
        try:
            with template.scope:
                async with open_template(self._keeper, spec, _PRELOAD_SECONDS) as (fork, process):
                    if isinstance(fork, str):
                        self._refuse(spec, fork)
                        return
                    size = _resident_bytes(process.pid)
                    if self._max_bytes and size > self._max_bytes:
                        limit = f"preload_max_bytes is {self._max_bytes}"
                        self._refuse(spec, f"it has {size} bytes, and {limit}")
                        return
                    template.forkserver = fork
                    template.used = trio.current_time()
                    _log.info("template_ready target=%s bytes=%d", spec.target, size)
                    await self._run_until_idle(template, process)
        except (MillraceError, trio.TooSlowError) as error:
            _log.warning("no template of %s can be started now: %s", spec.target, error)
        finally:
            self._forget(template)

    def _forget(self, template: Template) -> None:
        if self._templates.get(template.spec) is template:
            del self._templates[template.spec]

    async def _run_until_idle(self, template: Template, process: NodeProcess) -> None:
        async with trio.open_nursery() as nursery:

            async def end_with_process() -> None:
                await process.wait()
                _log.error("the template of %s ended, with its nodes", template.spec.target)
                nursery.cancel_scope.cancel()

            nursery.start_soon(process.read_output, _log.info, lambda record: None)
            nursery.start_soon(end_with_process)
            while True:
                await trio.sleep_until(template.used + self._idle_seconds)
                if not template.nodes and trio.current_time() >= template.used + self._idle_seconds:
                    break
                if template.nodes:
                    template.used = trio.current_time()
            nursery.cancel_scope.cancel()

    def _refuse(self, spec: TemplateSpec, reason: str) -> None:
        _log.warning("no template of %s: %s; its nodes start as usual", spec.target, reason)
        if len(self._unusable) >= 1000:
            self._unusable.pop(next(iter(self._unusable)))
        self._unusable[spec.target, spec.params] = None


def _resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * 4096
    except OSError:
        return 0


def may_have_template(spec: TemplateSpec) -> bool:
    """Return whether a specification is short enough to be sent."""
    return len(spec.params) + sum(map(len, spec.sys_path)) < MAX_SPEC_BYTES // 2
