"""Routing: which executor runs which node. It goes by names; no node module is imported for it."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from ..catalogue import ClassCode, NodeType
from ..config import Routing
from ..documents import did_you_mean, shown
from ..errors import ConfigError, Fault
from .executor_registry import (
    BUILT_IN_EXECUTORS,
    DisabledExecutor,
    ExecutorDeclaration,
    ExecutorRegistry,
    declaration_of,
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """The executor of a node, and the rule that decided it.

    Attributes:
        code: of the actor's class, if its node process cannot import it.
    """

    executor: str
    reason: str
    code: ClassCode | None = field(default=None, repr=False)


class RoutingError(ValueError):
    """A node that no executor may run. The plan reports it as a fault."""


class Router:
    """Applies the rules in their order: the manifest's override, registries, patterns, the default.

    >>> router = Router(Routing())
    >>> router.route(NodeType("WhisperNode", "whisper:WhisperNode"))
    Assignment(executor='multiprocess', reason='pattern *Node (priority 100) -> multiprocess')
    """

    def __init__(
        self, routing: Routing, *, executors: ExecutorRegistry = BUILT_IN_EXECUTORS
    ) -> None:
        self._routing = routing
        self._executors = executors
        # Of two patterns with one priority, the longer one is more specific. The sort is stable, so
        # the order of the file decides where both are equal.
        self._patterns = sorted(
            routing.patterns, key=lambda rule: (-rule.priority, -len(rule.pattern))
        )

    def route(self, node_type: NodeType, override: str | None = None) -> Assignment:
        """Return the executor of a node.

        Args:
            node_type: the type of the node.
            override: the executor that the manifest chooses for this node.

        Raises:
            RoutingError: the executor does not exist, the operator does not allow the override, or
                its processes can have no copy of the class.
            ConfigError: an installed executor cannot be imported.
        """
        assignment = self._assignment(node_type, override)
        if assignment.executor not in self._executors:
            hint = did_you_mean(assignment.executor, self._executors, or_else="executors")
            raise RoutingError(
                f"no executor {shown(assignment.executor)} ({assignment.reason}); {hint}"
            )
        if override is not None:
            self._check_override(node_type, override)
        found = self._executors[assignment.executor]
        if isinstance(found, DisabledExecutor):
            raise RoutingError(f"{found.reason} ({assignment.reason})")
        if self.declaration(assignment.executor).loads_classes_elsewhere:
            try:
                return replace(assignment, code=node_type.code())
            except ConfigError as error:
                reason = "; ".join(fault.message for fault in error.faults)
                raise RoutingError(f"{reason}, or run it natively ({assignment.reason})") from error
        return assignment

    def declaration(self, executor: str) -> ExecutorDeclaration:
        """Return what an executor declares.

        Raises:
            ConfigError: it is installed, and cannot be imported.
        """
        return declaration_of(self._executors[executor])

    def _check_override(self, node_type: NodeType, override: str) -> None:
        allowed = self._routing.override_executors
        if not _matches_any(override, allowed):
            raise RoutingError(
                f"the operator does not let a manifest choose {shown(override)}; runtime.toml, "
                f"routing.override_executors: {', '.join(allowed) or 'none'}"
            )
        # A client must not be able to put any type into the server's process, where one node can
        # stop everything. More isolation than the operator chose harms nobody. An application that
        # brings its own types has decided about them.
        movable = self._routing.native_override_types
        assigned = self._without_override(node_type)
        if (
            not node_type.is_of_application
            and assigned.executor in self._executors
            and not isinstance(self._executors[assigned.executor], DisabledExecutor)
            and not isinstance(self._executors[override], DisabledExecutor)
            and self.declaration(assigned.executor).is_isolated
            and not self.declaration(override).is_isolated
            and not _matches_any(node_type.name, movable)
        ):
            raise RoutingError(
                f"{node_type.name} runs in a process of its own ({assigned.reason}), and the "
                f"operator does not let a manifest move it out of there to {shown(override)}; "
                "runtime.toml, routing.native_override_types: "
                f"{', '.join(movable) or 'none'}"
            )

    def _assignment(self, node_type: NodeType, override: str | None) -> Assignment:
        if override is not None:
            return Assignment(override, "override in metadata.multiprocess.executor_overrides")
        return self._without_override(node_type)

    def _without_override(self, node_type: NodeType) -> Assignment:
        name, registry = node_type.name, self._routing.registry
        if name in registry:
            executor = registry[name]
            return Assignment(executor, f"registered in runtime.toml: {name} -> {executor}")
        if node_type.executor is not None:
            return Assignment(node_type.executor, f"registered: {name} -> {node_type.executor}")
        for rule in self._patterns:
            if fnmatchcase(name, rule.pattern):
                reason = f"pattern {rule.pattern} (priority {rule.priority}) -> {rule.executor}"
                return Assignment(rule.executor, reason)
        return Assignment(self._routing.default_executor, "default")


def check_executors(routing: Routing, executors: ExecutorRegistry) -> None:
    """Check that the operator's rules name only executors that exist and are enabled.

    Raises:
        ConfigError: `faults` has every name that does not exist, or is disabled.
    """
    named = {
        "routing.default_executor": routing.default_executor,
        **{f"routing.registry.{name}": executor for name, executor in routing.registry.items()},
        **{
            f"routing.patterns[{index}].executor": rule.executor
            for index, rule in enumerate(routing.patterns)
        },
    }
    faults = []
    for key, name in named.items():
        found = executors.get(name)
        if found is None:
            faults.append(Fault(key, f"no executor {shown(name)}; {did_you_mean(name, executors)}"))
        elif isinstance(found, DisabledExecutor):
            faults.append(Fault(key, found.reason))
    if faults:
        raise ConfigError(faults)


def _matches_any(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
