"""The runtime: opens sessions, and owns what they share: settings, node types and executors."""

import os
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

import sniffio
import trio

from actors import Actor

from ..catalogue import Catalogue, build_catalogue, check_not_importing
from ..catalogue.describing import Describer, discover, open_describer
from ..config import (
    ResourceLimits,
    RuntimeConfig,
    load_config,
    new_session_id,
    secret_variables,
)
from ..documents import shown
from ..errors import CallerError, ConfigError, Fault, ManifestError, MillraceError, sole_error
from ..execution.process import Interpreters
from ..executors import BUILT_IN, Executors
from ..manifest import ManifestSource
from ..metrics import CapacityFigures, Registry
from ..plan import (
    ExecutorRegistry,
    FindMachine,
    Grants,
    Plan,
    Source,
    check_client_places,
    check_executors,
    enabled_executors,
    find_machine,
    installed_executors,
    plan_manifest,
    read_grants,
)
from ..tracing import SessionTrace, Tracer, open_tracer
from .capacity import Capacity
from .demand import demand_of
from .ending import EndReason
from .input_checker import SessionBounds
from .instance import Instance, SweepReport, open_instance
from .open_executors import OpenExecutors
from .recent_endings import RecentEndings
from .session import Session
from .session_log import name_of_source, refusals_logged
from .shares import Shares

NodeTypes = Mapping[str, str | type[Actor]]  # type: ignore[type-arg]  # of any parameters
"""Node types of an application: name to "module:Class", or to the class."""


_UNLIMITED: Final = ResourceLimits()
_NO_GRANTS: Final = Grants()


class Runtime:
    """Opens sessions. One per server or application; it starts each executor when first needed.

    Attributes:
        capacity: admits sessions within the limits of the operator and the machine.
        metrics: counts what happens here, and has the figures of every session.
        endings: the sessions that ended in the last hour.
        replica_id: begins the ids of the sessions.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        catalogue: Catalogue,
        executors: OpenExecutors,
        instance: Instance,
        describer: Describer,
        machine: FindMachine,
        tracer: Tracer | None = None,
        grants: Grants = _NO_GRANTS,
        shares: Shares | None = None,
    ) -> None:
        self.config = config
        self._grants = grants
        self._tracer = tracer
        self._machine = machine
        self._describer = describer
        self.catalogue = catalogue
        self._executors = executors
        self.capacity = Capacity(config.limits) if shares is None else shares.capacity
        self._numbers = Shares.numbers(shares)
        self.metrics = Registry(self._capacity_figures)
        self.endings = RecentEndings() if shares is None else shares.endings
        self._instance = instance
        self.replica_id = config.server.replica_id or instance.name
        self._interpreters = Interpreters()
        self._opened = 0
        self._sessions: dict[str, Session] = {}

    @property
    def swept(self) -> SweepReport:
        """What was removed at the start that killed servers had left."""
        return self._instance.swept

    @property
    def opened(self) -> int:
        """How many sessions were opened so far."""
        return self._opened

    @property
    def folder(self) -> Path:
        """A folder of this user alone. It is removed at the end, or after it by another server."""
        return self._instance.root

    @property
    def sessions(self) -> Mapping[str, Session]:
        """The sessions that are open, by id."""
        return MappingProxyType(self._sessions)

    def plan(
        self,
        manifest: ManifestSource,
        *,
        of_client: bool = False,
        peer: str = "",
        token_name: str = "",
        node_types: NodeTypes | None = None,
    ) -> Plan:
        """Check a manifest, given as an object or a file; and return the plan for it.

        Args:
            manifest: what to check.
            of_client: whether a client of the service sent it. Its params name files and folders
                in the operator's folders only.
            peer: the address of that client, for the log.
            token_name: the operator's label of that client's token, for the log.
            node_types: of the application, for this plan only; they replace those of the runtime.

        Raises:
            ManifestError: it is not valid; every fault is listed.
            ConfigError: a node type is neither a class nor "module:Class", or its name is taken.
        """
        with self.refusals_counted(name_of_source(manifest), peer, token_name):
            plan = plan_manifest(
                manifest,
                config=self.config,
                catalogue=self.catalogue.with_types(node_types or {}),
                executors=self._executors.registry,
                describer=self._describer,
                machine=self._machine,
            )
            if of_client:
                check_client_places(plan, self._describer, self.config)
        return plan

    async def warm(self, executors: Collection[str] | None = None) -> None:
        """Open executors, before the first session needs them.

        Args:
            executors: their names; None for all that are enabled. Of these, one that cannot be
                opened is logged, and fails only the sessions that need it.

        Raises:
            MillraceError: a named one, native or multiprocess cannot be opened.
        """
        if executors is None:
            await self._executors.open_enabled()
            return
        for name in executors:
            await self._executors.get(name)

    @asynccontextmanager
    async def open_session(
        self,
        manifest: ManifestSource | Plan,
        *,
        resource_limits: ResourceLimits = _UNLIMITED,
        peer: str = "",
        owner: bytes | None = None,
        token_name: str = "",
        why_ended: Callable[[EndReason], EndReason] | None = None,
        traceparent: str | None = None,
        node_types: NodeTypes | None = None,
    ) -> AsyncIterator[Session]:
        """Run a plan or a manifest for as long as the block lasts.

        Leaving the block before the end of the stream cancels what still runs.

        Args:
            manifest: the pipeline.
            resource_limits: of this session, within the operator's.
            peer: the address of the client that the session is for; empty for none.
            owner: a digest of that client's token; None for none.
            token_name: the operator's label of that token, for the log.
            why_ended: returns for the log why the session was completed or left without an error;
                None: as the session sees it.
            traceparent: of the caller's span, which the session's trace joins, if sessions are
                traced; one that is not valid is ignored.
            node_types: of the application, for this session only, as in `plan`.

        Raises:
            ManifestError: the manifest is not valid; nothing was started.
            NodeError: a node failed; the block was cancelled.
            LimitError: there is no room for the session, and nothing was started; or the session
                reached its limit of memory or time, and the block was cancelled.
        """
        plan = (
            manifest if isinstance(manifest, Plan) else self.plan(manifest, node_types=node_types)
        )
        limits = resource_limits.within(self.config.limits.of_a_session)
        bounds = SessionBounds(limits, self.config.files.roots)
        trace = self._begin_trace(plan, peer, traceparent)
        async with AsyncExitStack() as stack:
            if trace is not None:
                stack.enter_context(trace)
            with self.refusals_counted(plan.manifest.metadata.name, peer, token_name):
                await self._check_interpreter(plan)
                reserved = self.capacity.reserve(demand_of(plan))
                reservation = await stack.enter_async_context(reserved)
                names = {node.executor for node in plan.nodes}
                executors = {name: await self._executors.get(name) for name in names}
            number = next(self._numbers)
            self._opened += 1
            budget_bytes = plan.settings.values.shared_memory_budget_bytes
            domain = self._instance.domain(number, budget_bytes)
            session_id = new_session_id(self.replica_id, number)
            try:
                session = Session(
                    session_id,
                    plan,
                    executors,
                    domain,
                    bounds,
                    on_ready=reservation.settle,
                    on_process_start=self.metrics.process_starts.add,
                    on_end=self.endings.add,
                    trace=trace,
                    grants=self._grants,
                )
                session.peer, session.owner, session.token_name = peer, owner, token_name
                session.why_ended = why_ended or session.why_ended
                self._sessions[session_id] = session
                self.endings.begin(session)
                with self.metrics.session(session):
                    async with session.run():
                        yield session
            finally:
                self._sessions.pop(session_id, None)
                self._instance.remove(domain)
                self._executors.note_session_end()

    @contextmanager
    def refusals_counted(
        self, manifest: str, peer: str = "", token_name: str = ""
    ) -> Iterator[None]:
        """Log and count an error of the block as the reason why a session was not opened."""
        try:
            with refusals_logged(manifest, peer, token_name):
                yield
        except MillraceError as error:
            self.metrics.count_refusal(type(error).__name__)
            raise

    def _capacity_figures(self) -> CapacityFigures:
        limits = self.config.limits
        return CapacityFigures(
            self.capacity.processes,
            self.capacity.waiting,
            limits.max_sessions,
            limits.max_total_processes,
        )

    def _begin_trace(self, plan: Plan, peer: str, traceparent: str | None) -> SessionTrace | None:
        if self._tracer is None:
            return None
        attributes: dict[str, str | int] = {
            "millrace.pipeline": plan.manifest.metadata.name,
            "millrace.nodes": len(plan.nodes),
            "millrace.processes": plan.process_count,
        }
        if peer:
            attributes["client.address"] = peer
        return self._tracer.begin_session(attributes, traceparent)

    async def _check_interpreter(self, plan: Plan) -> None:
        setting = plan.settings.setting("python_executable")
        if setting.value is None or not plan.process_count:
            return
        fault = await self._interpreters.fault(setting.value)
        if fault:
            message = f"got {shown(setting.value)}; {fault}"
            if setting.source is Source.MANIFEST:
                place = plan.manifest.where(("metadata", "multiprocess", "python_executable"))
                raise ManifestError([Fault(place, message)])
            raise ConfigError([Fault("runtime.toml: multiprocess.python_executable", message)])


def _check_trio(function: str) -> None:
    """Raise an error that names trio, before trio raises one about its own internals.

    Raises:
        CallerError: this code runs on asyncio, or on no event loop.
    """
    try:
        library = sniffio.current_async_library()
    except sniffio.AsyncLibraryNotFoundError:
        library = ""
    # Not `trio.lowlevel.in_trio_task`: with trio-asyncio, asyncio's own code runs in a trio task.
    if library != "trio":
        raise CallerError(
            f"{function}() runs on trio, and no trio event loop runs here: on asyncio, call "
            f"runtime.aio.{function}(), which does the same; otherwise start the program with "
            "trio.run(main)"
        )


@asynccontextmanager
async def open_runtime(
    config: RuntimeConfig | None = None,
    *,
    node_types: NodeTypes | None = None,
    executors: Executors | None = None,
    machine: FindMachine = find_machine,
    shares: Shares | None = None,
) -> AsyncIterator[Runtime]:
    """Open a runtime for as long as the block lasts.

    Args:
        config: None reads runtime.toml in the current folder, or takes the defaults.
        node_types: of the application, beside the catalogue. A class may be defined anywhere: in
            the script that runs, in a notebook, inside a function.
        executors: more executors, or replacements under the same names.
        machine: describes the machine that the `capabilities` of nodes are checked against.
        shares: what it shares with the runtimes of other processes; None: nothing.

    Raises:
        CallerError: a node process imports the code that calls this.
        ConfigError: runtime.toml is not valid, or node types or keys that it names cannot be found.
        PipelineError: the folder for temporary files is not usable.
    """
    _check_trio("open_runtime")
    check_not_importing("open_runtime")
    config = load_config() if config is None else config
    registry: ExecutorRegistry = {**BUILT_IN, **installed_executors(), **(executors or {})}
    registry = enabled_executors(registry, config.executors, given=executors or ())
    check_executors(config.routing, registry)
    grants = read_grants(config, os.environ)
    with open_describer(without=secret_variables(config)) as describer:
        found = discover(config, describer)
        catalogue = build_catalogue(config, found=found).with_types(node_types or {})
        try:
            with open_instance() as instance:
                async with (
                    open_tracer(config.tracing, os.environ) as tracer,
                    trio.open_nursery() as nursery,
                ):
                    opened = OpenExecutors(registry, config, nursery)
                    runtime = Runtime(
                        config,
                        catalogue,
                        opened,
                        instance,
                        describer,
                        machine,
                        tracer,
                        grants,
                        shares,
                    )
                    try:
                        yield runtime
                    finally:
                        nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise sole_error(group) from None


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
        ManifestError: the manifest is not valid; nothing was started.
        NodeError: a node failed; the block was cancelled.
    """
    _check_trio("open_session")
    async with (
        open_runtime(config, node_types=node_types) as runtime,
        runtime.open_session(manifest) as session,
    ):
        yield session
