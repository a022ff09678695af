"""Planning: everything about a session is checked and decided before it starts."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from actors import ANY_KIND

from ..catalogue import Acceptance, Catalogue, NodeType
from ..catalogue.describing import Describer, ImportingDescriber
from ..config import RuntimeConfig
from ..documents import Document, FaultList, Problem
from ..errors import LimitError, ManifestError
from ..manifest import (
    Manifest,
    ManifestSource,
    NodeId,
    NodeManifest,
    read_manifest,
    topological_order,
)
from .capabilities import assign_gpus
from .effective_settings import EffectiveSettings, effective_settings, refused_settings
from .executor_registry import (
    BUILT_IN_EXECUTORS,
    REMOTE,
    SHARED,
    ExecutorDeclaration,
    ExecutorRegistry,
    Place,
    settings_of,
)
from .machine import FindMachine, find_machine
from .node_checks import NodeChecker, check_document
from .plan import NodePlan, Plan
from .remote_nodes import RemotePart, remote_parts
from .routing import Assignment, Router
from .sharing import need_of_own_process, router_of, shared_or_own

_IMPORTING: Final = ImportingDescriber()


def make_plan(
    manifest: Manifest,
    *,
    config: RuntimeConfig,
    catalogue: Catalogue,
    executors: ExecutorRegistry = BUILT_IN_EXECUTORS,
    describer: Describer = _IMPORTING,
    machine: FindMachine = find_machine,
) -> Plan:
    """Check a manifest and decide what its session will run. Start nothing.

    The describer knows the classes of the node types that the manifest names; the default one
    imports them here, which may take a while. `machine` describes the machine that `capabilities`
    are checked against.

    Raises:
        ManifestError: a node type, a parameter, an executor or a setting is not valid, or the
            manifest is larger than the operator allows; `faults` lists everything that is wrong.
        LimitError: it is all valid, and needs more processes than a session may have.
    """
    faults = FaultList()
    _report(manifest, faults, _size_problems(manifest, config))
    faults.raise_any()  # before a module is imported for it
    router = router_of(config, executors)
    checker = NodeChecker(manifest.document, catalogue, describer, config, faults)
    planner = _Planner(manifest, checker, router, config)
    plan = planner.plan(effective_settings(manifest.metadata.multiprocess, config))
    plan = _with_gpus(plan, faults, machine)
    _report(manifest, faults, refused_settings(manifest.metadata.multiprocess, config))
    excess = _excess_processes(plan)
    if excess and faults:
        faults.add(manifest.where(("nodes",)), excess)
    faults.raise_any()
    if excess:
        raise LimitError(excess)
    return plan


def plan_manifest(
    source: ManifestSource,
    *,
    config: RuntimeConfig,
    catalogue: Catalogue,
    executors: ExecutorRegistry = BUILT_IN_EXECUTORS,
    describer: Describer = _IMPORTING,
    lenient: bool = False,
    machine: FindMachine = find_machine,
) -> Plan:
    """Read a manifest if it is not parsed yet, and decide what its session will run.

    `lenient` is that of `load_manifest`, `machine` that of `make_plan`.

    Raises:
        ManifestError: as `load_manifest` and `make_plan`; `faults` has those of both.
        LimitError: as `make_plan`.
    """
    try:
        manifest = read_manifest(source, lenient=lenient)
    except ManifestError as error:
        faults = FaultList()
        faults.extend(error.faults)
        if isinstance(error.document, Document):
            router = router_of(config, executors)
            checker = NodeChecker(error.document, catalogue, describer, config, faults)
            check_document(error.document, config, checker, router)
        faults.raise_any()
        raise
    return make_plan(
        manifest,
        config=config,
        catalogue=catalogue,
        executors=executors,
        describer=describer,
        machine=machine,
    )


class _Planner:
    def __init__(
        self, manifest: Manifest, checker: NodeChecker, router: Router, config: RuntimeConfig
    ) -> None:
        self._manifest = manifest
        self._config = config
        self._router = router
        self._checker = checker

    def plan(self, settings: EffectiveSettings) -> Plan:
        """Return the plan; where there are faults, a node that has one may be missing."""
        manifest = self._manifest
        inputs: dict[NodeId, list[NodeId]] = {node.id: [] for node in manifest.nodes}
        outputs: dict[NodeId, list[NodeId]] = {node.id: [] for node in manifest.nodes}
        for connection in manifest.connections:
            outputs[connection.source].append(connection.target)
            inputs[connection.target].append(connection.source)
        order = {node: place for place, node in enumerate(topological_order(outputs))}
        parts = remote_parts(manifest, outputs, self._config.executors.remote, self._checker.fault)
        planned: list[NodePlan] = []
        types: dict[NodeId, NodeType] = {}
        for index, node in enumerate(manifest.nodes):
            if node.host:
                known = self._checker.known_type(node.node_type)
                if known is not None and self._checker.is_source(known):
                    message = (
                        f"{known.name} is a source: it generates its items, and runs on this host; "
                        "leave host out"
                    )
                    self._checker.fault(("nodes", index, "host"), message)
                elif node.id in parts:
                    ends = tuple(inputs[node.id]), tuple(outputs[node.id])
                    planned.append(_remote_node(node, ends, parts[node.id]))
                continue
            node_type = self._checker.find_type(index, node.node_type)
            if node_type is None:
                continue
            types[node.id] = node_type
            params = self._checker.check_params(index, node.id, node_type, node.params)
            ends = tuple(inputs[node.id]), tuple(outputs[node.id])
            self._checker.check_connected(index, node.id, node_type, params, ends)
            override = manifest.metadata.multiprocess.executor_overrides.get(node.id)
            assignment = self._checker.find_executor(
                index, node.id, node_type, override, self._router
            )
            if assignment is not None:
                if assignment.executor == SHARED:
                    reason = need_of_own_process(self._checker, node, node_type, params, settings)
                    assignment = self._shared(index, assignment, reason, override is not None)
                self._check_interpreter(index, assignment, settings)
                executor, reason = assignment.executor, assignment.reason
                if executor == REMOTE:
                    message = f"executor remote runs nodes that have a host ({reason})"
                    self._checker.fault(("nodes", index), message)
                    continue
                kinds = self._checker.kinds(node_type)
                declared = self._router.declaration(executor)
                preload_params = None
                if declared.uses_processes:
                    preload_params = self._checker.preload_params(node_type)
                reason += self._request(index, node, executor, declared)
                if preload_params is not None:
                    reason += "; forked from a template (multiprocess.preload)"
                planned.append(
                    NodePlan(
                        node.id,
                        node_type,
                        params,
                        executor,
                        reason,
                        *ends,
                        *kinds,
                        uses_process=declared.uses_processes,
                        place=declared.place,
                        is_isolated=declared.is_isolated,
                        capabilities=node.capabilities,
                        is_output=node.is_output_node,
                        grants=self._checker.grants(node_type, params),
                        is_source=self._checker.is_source(node_type),
                        code=assignment.code,
                        stateless=self._checker.is_stateless(node_type),
                        # Its control reaches neither a host of many sessions nor a socket's end.
                        moves_state=declared.place is not Place.SOCKET
                        and self._checker.moves_state(node_type),
                        preload_params=preload_params,
                    )
                )
        for index, connection in enumerate(manifest.connections):
            if connection.source in types and connection.target in types:
                self._checker.check_kinds(index, types[connection.source], types[connection.target])
        planned.sort(key=lambda node: order[node.node_id])
        return Plan(manifest, tuple(planned), settings)

    def _shared(
        self, index: int, assignment: Assignment, reason: str, is_chosen: bool
    ) -> Assignment:
        """Return the assignment of a node to a batched host, or to a process of its own.

        Args:
            index: of the node.
            assignment: to a host.
            reason: why it needs a process of its own; empty if it does not.
            is_chosen: whether the manifest chooses a host for it.
        """
        if reason and is_chosen:
            self._checker.fault(("nodes", index, "node_type"), f"cannot share a process: {reason}")
        return shared_or_own(assignment, reason, self._config.executors.shared.sessions_per_host)

    def _request(
        self, index: int, node: NodeManifest, executor: str, declared: ExecutorDeclaration
    ) -> str:
        """Return what a node asks the machines of its executor for, to follow the reason."""
        if declared.request is None:
            return ""
        settings = settings_of(executor, declared, self._config.executors)
        try:
            return f"; asks for {declared.request(node.capabilities, settings)}"
        except ValueError as error:
            self._checker.fault(("nodes", index, "capabilities"), str(error))
            return ""

    def _check_interpreter(
        self, index: int, assignment: Assignment, settings: EffectiveSettings
    ) -> None:
        if assignment.code is not None and settings.setting("python_executable").value is not None:
            message = (
                "its class is not in a module, and its code is for this interpreter only; move the "
                "class to a module of its own, or leave python_executable out"
            )
            self._checker.fault(("nodes", index, "node_type"), message)


def _remote_node(
    node: NodeManifest,
    ends: tuple[tuple[NodeId, ...], tuple[NodeId, ...]],
    part: RemotePart,
) -> NodePlan:
    """Return the plan of a node whose type and params the other host knows, and checks."""
    return NodePlan(
        node.id,
        NodeType(node.node_type, "", origin=f"on {part.address}"),
        node.params,
        REMOTE,
        f"host {part.address}",
        *ends,
        Acceptance(node.node_type, ANY_KIND),
        ANY_KIND,
        uses_process=False,
        place=Place.SERVER,
        is_isolated=True,
        is_output=node.is_output_node,
        capabilities=node.capabilities,
        remote=part,
    )


def _with_gpus(plan: Plan, faults: FaultList, machine: FindMachine) -> Plan:
    """Return the plan with the GPUs of its nodes; report what the machine does not have."""
    uses_process = {str(node.node_id): node.uses_process for node in plan.nodes}
    # Behind a socket may be another machine, which its executor knows.
    elsewhere = {
        str(node.node_id)
        for node in plan.nodes
        if node.remote is not None or (node.place is Place.SOCKET and node.executor != SHARED)
    }
    assigned = assign_gpus(plan.manifest.nodes, uses_process, machine, elsewhere)
    _report(plan.manifest, faults, iter(assigned.problems))
    if not assigned.gpus:
        return plan
    nodes = tuple(replace(node, gpu=assigned.gpus.get(node.node_id)) for node in plan.nodes)
    return replace(plan, nodes=nodes)


def _report(manifest: Manifest, faults: FaultList, problems: Iterator[Problem]) -> None:
    for problem in problems:
        faults.add(manifest.where(problem.path), problem.message)


def _size_problems(manifest: Manifest, config: RuntimeConfig) -> Iterator[Problem]:
    limits = config.limits
    for key, count, most in (
        ("nodes", len(manifest.nodes), limits.max_manifest_nodes),
        ("connections", len(manifest.connections), limits.max_manifest_connections),
    ):
        if count > most:
            message = f"got {count}; the operator allows {most} (limits.max_manifest_{key})"
            yield Problem((key,), message)


def _excess_processes(plan: Plan) -> str:
    """Return what is wrong if the plan needs more processes than a session may have."""
    most, needed = plan.settings.setting("max_processes_per_session"), plan.process_count
    if needed <= most.value:
        return ""
    names = ", ".join(node.node_id for node in plan.nodes if node.uses_process)
    return (
        f"{needed} nodes need a process of their own ({names}); max_processes_per_session is {most}"
    )
