"""Checks of single nodes, also in a document that is not a valid manifest."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from actors import ANY_KIND, Kind
from actors.catalogue import CONVERTERS

from ..catalogue import Acceptance, Catalogue, NodeType
from ..catalogue.describing import Describer, Description
from ..config import RuntimeConfig
from ..documents import Document, FaultList, Path, Problem, dotted
from ..errors import ConfigError
from ..manifest import MultiprocessSettings, params_of_nodes, where
from .connected_names import connection_problems
from .effective_settings import refused_settings
from .grants import GrantNames, grant_names, grant_problems
from .routing import Assignment, Router, RoutingError

_MULTIPROCESS: Final[Path] = ("metadata", "multiprocess")
_OVERRIDES: Final[Path] = (*_MULTIPROCESS, "executor_overrides")


class NodeChecker:
    """Checks nodes, and collects their faults."""

    def __init__(
        self,
        document: Document,
        catalogue: Catalogue,
        describer: Describer,
        config: RuntimeConfig,
        faults: FaultList,
    ) -> None:
        self._document = document
        self._catalogue = catalogue
        self._describer = describer
        self._config = config
        self._faults = faults

    def find_type(self, index: int, name: str) -> NodeType | None:
        """Return the node's type; add a fault if the name is unknown."""
        node_type = self._catalogue.find(name)
        if node_type is None:
            self.fault(("nodes", index, "node_type"), self._catalogue.unknown(name))
        return node_type

    def known_type(self, name: str) -> NodeType | None:
        """Return a node type of this host; None if it has none of that name."""
        return self._catalogue.find(name)

    def check_params(
        self, index: int, node_id: str, node_type: NodeType, given: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the params in snake_case; add a fault for each that is wrong."""
        try:
            checked = self._describer.check_params(node_type, given)
        except ConfigError as error:
            self.fault(("nodes", index, "node_type"), f"cannot be used: {error}")
            return {}
        problems = list(checked.problems)
        if not problems:
            schema = self._describer.describe(node_type).schema
            problems += grant_problems(checked.values, schema, self._config)
        self._add_problems(index, node_id, node_type, problems)
        return checked.values

    def check_connected(
        self,
        index: int,
        node_id: str,
        node_type: NodeType,
        params: Mapping[str, Any],
        ends: tuple[Sequence[str], Sequence[str]],
    ) -> None:
        """Add a fault for each param that names a node which is not connected as it must be.

        Args:
            index: of the node.
            node_id: of the node.
            node_type: of the node.
            params: in snake_case.
            ends: the ids of the nodes that it reads, and of those that read it.
        """
        found = self._description(node_type)
        if found is not None:
            problems = connection_problems(params, found.schema, *ends)
            self._add_problems(index, node_id, node_type, problems)

    def _add_problems(
        self, index: int, node_id: str, node_type: NodeType, problems: Iterable[Problem]
    ) -> None:
        place: Path = ("nodes", index, "params")
        for problem in problems:
            file_and_line = self._document.place((*place, *problem.path))
            param = f"param {dotted(problem.path)}" if problem.path else "params"
            subject = f"node {node_id!r} ({node_type.name})"
            parts = (file_and_line, subject, param)
            self._faults.add(": ".join(part for part in parts if part), problem.message)

    def grants(self, node_type: NodeType, params: Mapping[str, Any]) -> GrantNames:
        """Return the operator's names that a node's params choose; none if it has a fault."""
        found = self._description(node_type)
        return GrantNames() if found is None else grant_names(params, found.schema)

    def find_executor(
        self, index: int, node_id: str, node_type: NodeType, override: str | None, router: Router
    ) -> Assignment | None:
        """Return the node's executor; add a fault if none may run it."""
        try:
            return router.route(node_type, override)
        except RoutingError as error:
            path: Path = ("nodes", index, "node_type")
            self.fault(path if override is None else (*_OVERRIDES, node_id), str(error))
            return None

    def check_kinds(self, index: int, source: NodeType, target: NodeType) -> None:
        """Add a fault if a connection's target takes none of the kinds that its source emits."""
        given, taken = self.kinds(source)[1], self.kinds(target)[0].kinds
        if self.is_source(target):
            self.fault(
                ("connections", index),
                f"{target.name} is a source: it generates its items, and has no inputs; remove the "
                "connection",
            )
        elif given and not given & taken:
            self.fault(
                ("connections", index),
                f"{source.name} gives {_names(given)}, and {target.name} takes {_names(taken)}; "
                f"{_bridge(given, taken)}",
            )

    def kinds(self, node_type: NodeType) -> tuple[Acceptance, frozenset[Kind]]:
        """Return the kinds that a type takes and emits; all if its class cannot be imported."""
        actor = node_type.target.rpartition(":")[2].rpartition(".")[2]
        found = self._description(node_type)
        if found is None:
            return Acceptance(actor, ANY_KIND), ANY_KIND
        return Acceptance(actor, found.takes), found.gives

    def is_source(self, node_type: NodeType) -> bool:
        """Return whether a type generates items; False if its class cannot be imported."""
        found = self._description(node_type)
        return found is not None and found.is_source

    def is_stateless(self, node_type: NodeType) -> bool:
        """Return whether a type is stateless; False if its class cannot be imported."""
        found = self._description(node_type)
        return found is not None and found.stateless

    def is_batched(self, node_type: NodeType) -> bool:
        """Return whether nodes of a type can share a host; False if it cannot be imported."""
        found = self._description(node_type)
        return found is not None and found.is_batched

    def moves_state(self, node_type: NodeType) -> bool:
        """Return whether a type moves its state; False if its class cannot be imported."""
        found = self._description(node_type)
        return found is not None and found.moves_state

    def preload_params(self, node_type: NodeType) -> tuple[str, ...] | None:
        """Return the params that a template of the type depends on; None if it has no template.

        The operator decides which types may have one.
        """
        if node_type.name not in self._config.multiprocess.preload:
            return None
        found = self._description(node_type)
        if found is None or found.preload_params is None:
            return None
        return tuple(found.preload_params)

    def _description(self, node_type: NodeType) -> Description | None:
        try:
            return self._describer.describe(node_type)
        except ConfigError:
            return None

    def fault(self, path: Path, message: str) -> None:
        """Add a fault at its place."""
        self._faults.add(where(self._document, path), message)


def check_document(
    document: Document, config: RuntimeConfig, checker: NodeChecker, router: Router
) -> None:
    """Check as much as possible of a document that is not a valid manifest."""
    executable = _at(document.value, (*_MULTIPROCESS, "python_executable"))
    if isinstance(executable, str) and executable:
        asked = MultiprocessSettings({"python_executable": executable})
        for problem in refused_settings(asked, config):
            checker.fault(problem.path, problem.message)
    nodes = _at(document.value, ("nodes",))
    if not isinstance(nodes, list) or len(nodes) > config.limits.max_manifest_nodes:
        return
    types: dict[object, NodeType] = {}
    texts, _ = params_of_nodes(document.value)
    for index, node in enumerate(nodes):
        if _at(node, ("host",)):
            continue  # the other host checks it
        name, node_id = _at(node, ("node_type",)), _at(node, ("id",))
        node_type = checker.find_type(index, name) if isinstance(name, str) and name else None
        if node_type is None:
            continue
        if isinstance(node_id, str):
            types.setdefault(node_id, node_type)
        params = texts.get(index, _at(node, ("params",)))
        if isinstance(params, dict | None):
            checker.check_params(index, str(node_id or ""), node_type, params or {})
        override = _at(document.value, (*_OVERRIDES, node_id)) if isinstance(node_id, str) else None
        if isinstance(override, str) and override:
            checker.find_executor(index, str(node_id), node_type, override, router)
    connections = _at(document.value, ("connections",))
    for index, connection in enumerate(connections if isinstance(connections, list) else ()):
        ends = [_at(connection, ("from",)), _at(connection, ("to",))]
        if all(isinstance(end, str) and end in types for end in ends):
            checker.check_kinds(index, types[ends[0]], types[ends[1]])


def _bridge(given: frozenset[Kind], taken: frozenset[Kind]) -> str:
    """Return what to do about a connection whose ends share no kind."""
    converters = [
        name for (source, target), name in CONVERTERS.items() if source in given and target in taken
    ]
    if converters:
        return f"put a {' or '.join(converters)} between them"
    return "connect nodes that share a kind of data"


def _names(kinds: frozenset[Kind]) -> str:
    return ", ".join(kind.value for kind in Kind if kind in kinds) or "nothing"


def _at(value: object, path: Path) -> object:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
