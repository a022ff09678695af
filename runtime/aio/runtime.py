"""The runtime of an application on asyncio."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import sniffio
import trio

from ..config import ResourceLimits, RuntimeConfig
from ..errors import CallerError
from ..executors import Executors
from ..manifest import ManifestSource
from ..plan import Plan
from ..session import NodeTypes
from ..session import Runtime as TrioRuntime
from ..session import Session as TrioSession
from ..session import open_runtime as open_trio_runtime
from .held_block import HeldBlock
from .session import Session
from .trio_thread import TrioThread

_UNLIMITED = ResourceLimits()


@dataclass(frozen=True, slots=True)
class _Host:
    """What runs in the trio thread."""

    runtime: TrioRuntime
    sessions: trio.Nursery


class Runtime:
    """Opens sessions for an application on asyncio.

    One is enough for an event loop. Its methods can be used from every task of that loop.

    Attributes:
        config: the settings.
    """

    def __init__(self, block: HeldBlock[_Host], host: _Host) -> None:
        self.config: RuntimeConfig = host.runtime.config
        self._block = block
        self._host = host
        # Where the application closes its loop inside the block, and drops the runtime.
        stop = weakref.finalize(self, block.thread.request_stop)
        stop.atexit = False

    async def plan(self, manifest: ManifestSource, *, node_types: NodeTypes | None = None) -> Plan:
        """Check a manifest, given as an object or a file; and return the plan for it.

        Args:
            manifest: what to check.
            node_types: of the application, for this plan only; they replace those of the runtime.

        Raises:
            ManifestError: it is not valid; every fault is listed.
            ConfigError: a node type is neither a class nor "module:Class", or its name is taken.
        """

        async def plan() -> Plan:  # noqa: ASYNC124 (a call is async)
            return self._host.runtime.plan(manifest, node_types=node_types)

        return await self._block.call(plan)

    async def warm(self, executors: Collection[str] | None = None) -> None:
        """Open executors, by default all, before the first session needs them."""
        await self._block.call(partial(self._host.runtime.warm, executors))

    @asynccontextmanager
    async def open_session(
        self,
        manifest: ManifestSource | Plan,
        *,
        resource_limits: ResourceLimits = _UNLIMITED,
        traceparent: str | None = None,
        node_types: NodeTypes | None = None,
    ) -> AsyncIterator[Session]:
        """Run a plan or a manifest for as long as the block lasts.

        Leaving the block before the end of the stream cancels what still runs. When a node fails,
        the task that opened the session is cancelled, and leaving the block raises the error of the
        node. Calls of other tasks raise it, too.

        Args:
            manifest: the pipeline.
            resource_limits: of this session, within the operator's.
            traceparent: of the caller's span, which the session's trace joins, if sessions are
                traced; one that is not valid is ignored.
            node_types: of the application, for this session only; they replace the runtime's.

        Raises:
            ManifestError: the manifest is not valid; nothing was started.
            NodeError: a node failed; the block was cancelled.
            LimitError: there is no room for the session, and nothing was started; or the session
                reached its limit of memory or time, and the block was cancelled.
            PipelineError: the runtime was closed; the block was cancelled.
        """
        block: HeldBlock[TrioSession] = HeldBlock(
            "the session",
            self._block.thread,
            partial(
                self._host.runtime.open_session,
                manifest,
                resource_limits=resource_limits,
                traceparent=traceparent,
                node_types=node_types,
            ),
        )

        async def start() -> None:  # noqa: ASYNC124 (a call is async)
            block.is_started = True
            self._host.sessions.start_soon(block.hold)

        try:
            await self._block.call(start)
        except asyncio.CancelledError as error:
            if block.is_started:
                await block.exit(error)  # noqa: ASYNC102 (it waits for its end)
            raise
        async with block.entered() as session:
            yield Session(block, session)


@asynccontextmanager
async def open_runtime(
    config: RuntimeConfig | None = None,
    *,
    node_types: NodeTypes | None = None,
    executors: Executors | None = None,
) -> AsyncIterator[Runtime]:
    """Open a runtime for as long as the block lasts. Its sessions run in a thread with trio.

    Leaving the block ends sessions that are still open: the tasks that opened them are cancelled,
    and their blocks raise PipelineError.

    Args:
        config: None reads runtime.toml in the current folder, or takes the defaults.
        node_types: of the application, beside the catalogue.
        executors: more executors, or replacements under the same names.

    Raises:
        CallerError: no asyncio event loop runs here.
        ConfigError: runtime.toml is not valid, or node types that it names cannot be found.
        PipelineError: the folder for temporary files is not usable.
    """
    _check_asyncio("open_runtime")
    thread = TrioThread()
    opening = partial(_open_host, config, node_types, executors)
    block: HeldBlock[_Host] = HeldBlock("the runtime", thread, opening)
    cancelled = await thread.start(block.hold)
    try:
        if cancelled:
            await block.exit(asyncio.CancelledError())
            raise asyncio.CancelledError
        async with block.entered() as host:
            yield Runtime(block, host)
    finally:
        if await thread.join():  # noqa: ASYNC102 (so does this)
            raise asyncio.CancelledError


@asynccontextmanager
async def _open_host(
    config: RuntimeConfig | None, node_types: NodeTypes | None, executors: Executors | None
) -> AsyncIterator[_Host]:
    async with (
        open_trio_runtime(config, node_types=node_types, executors=executors) as runtime,
        trio.open_nursery() as sessions,
    ):
        try:
            yield _Host(runtime, sessions)
        finally:
            sessions.cancel_scope.cancel()


@asynccontextmanager
async def open_session(
    manifest: ManifestSource,
    *,
    config: RuntimeConfig | None = None,
    node_types: NodeTypes | None = None,
) -> AsyncIterator[Session]:
    """Run one manifest, given as an object or a file, in a runtime of its own.

    An application with several sessions opens one runtime for all, so that its forkserver is warm.

    Raises:
        CallerError: no asyncio event loop runs here.
        ManifestError: the manifest is not valid; nothing was started.
        NodeError: a node failed; the block was cancelled.
    """
    _check_asyncio("open_session")
    async with (
        open_runtime(config, node_types=node_types) as runtime,
        runtime.open_session(manifest) as session,
    ):
        yield session


def _check_asyncio(function: str) -> None:
    library = ""
    with suppress(sniffio.AsyncLibraryNotFoundError):
        library = sniffio.current_async_library()
    if library != "asyncio":
        where = f"{library} runs here" if library else "no event loop runs here"
        raise CallerError(
            f"runtime.aio.{function}() runs on asyncio, and {where}: "
            f"on trio, call {function}() of the package runtime"
        )
