"""Which executor runs which node: by name only, nothing is imported to find out."""

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import entry_points
from typing import Final

from ..catalogue import NodeType
from ..config import Routing
from ..documents import did_you_mean, shown
from ..errors import ConfigError, Fault

NATIVE: Final = "native"
"""The executor that runs a node as a task of the server."""

MULTIPROCESS: Final = "multiprocess"
"""The executor that runs a node in a process of its own."""

EXECUTORS: Final = (NATIVE, MULTIPROCESS)

EXECUTOR_GROUP: Final = "millrace.executors"
"""The entry point group in which a distribution offers executors: name = "module:factory"."""


def executor_names() -> tuple[str, ...]:
    """Return the names of all executors that there are, those of installed distributions too."""
    return (*EXECUTORS, *(point.name for point in entry_points(group=EXECUTOR_GROUP)))


@dataclass(frozen=True, slots=True)
class Assignment:
    """An executor, and why it is this one."""

    executor: str
    reason: str


class RoutingError(ValueError):
    """A node cannot be given to an executor; the plan makes a fault of it."""


class Router:
    """The rules, in their order: the manifest's override, registries, patterns, the default.

    >>> router = Router(Routing())
    >>> router.route(NodeType("WhisperNode", "whisper:WhisperNode"))
    Assignment(executor='multiprocess', reason='pattern *Node (priority 100) -> multiprocess')
    """

    def __init__(self, routing: Routing, *, executors: Collection[str] = EXECUTORS) -> None:
        self._routing = routing
        self._executors = tuple(executors)
        # A longer pattern says more; the sort keeps the file's order where that is equal too.
        self._patterns = sorted(
            routing.patterns, key=lambda rule: (-rule.priority, -len(rule.pattern))
        )

    def route(self, node_type: NodeType, override: str | None = None) -> Assignment:
        """Return the executor of a node.

        Args:
            node_type: the node's.
            override: the executor that the manifest chooses for this node.

        Raises:
            RoutingError: there is no such executor, or the operator does not allow the override.
        """
        assignment = self._assignment(node_type, override)
        if assignment.executor not in self._executors:
            hint = did_you_mean(assignment.executor, self._executors, or_else="executors")
            raise RoutingError(
                f"no executor {shown(assignment.executor)} ({assignment.reason}); {hint}"
            )
        allowed = self._routing.override_executors
        if override is not None and not _matches_any(override, allowed):
            raise RoutingError(
                f"the operator does not let a manifest choose {shown(override)}; runtime.toml, "
                f"routing.override_executors: {', '.join(allowed) or 'none'}"
            )
        return assignment

    def _assignment(self, node_type: NodeType, override: str | None) -> Assignment:
        name, registry = node_type.name, self._routing.registry
        if override is not None:
            return Assignment(override, "override in metadata.multiprocess.executor_overrides")
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


def check_executors(routing: Routing, executors: Collection[str]) -> None:
    """Make sure that the operator's rules name only executors that there are.

    Raises:
        ConfigError: with every one that there is not.
    """
    named = {
        "routing.default_executor": routing.default_executor,
        **{f"routing.registry.{name}": executor for name, executor in routing.registry.items()},
        **{
            f"routing.patterns[{index}].executor": rule.executor
            for index, rule in enumerate(routing.patterns)
        },
    }
    faults = [
        Fault(key, f"no executor {shown(name)}; {did_you_mean(name, executors)}")
        for key, name in named.items()
        if name not in executors
    ]
    if faults:
        raise ConfigError(faults)


def _matches_any(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
