"""What is known about a node type: read from its class, without creating an actor."""

import inspect
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires
from importlib.metadata import version as installed_version
from typing import Final

from actors import Kind

from ...catalogue import NodeType
from ...catalogue.describing import Describer
from ...documents import AcceptedField, fields_of
from ...errors import ConfigError
from ...plan import Router, RoutingError

_DISTRIBUTION: Final = "millrace-runtime"
_REQUIREMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class NodeTypeEntry:
    """A node type as `millrace nodes` lists it.

    Attributes:
        executor, reason: the executor that would run it, and why.
        doc: its class's docstring, without examples.
        missing: the packages of its extra that are not installed.
        fault: why its class cannot be read; empty if it can.
    """

    node_type: NodeType
    executor: str
    reason: str
    accepts: frozenset[Kind] = frozenset()
    produces: frozenset[Kind] = frozenset()
    params: tuple[AcceptedField, ...] = ()
    doc: str = ""
    missing: tuple[str, ...] = ()
    fault: str = ""

    @property
    def summary(self) -> str:
        """The first sentence of its documentation, or its fault."""
        return self.fault or " ".join(self.doc.partition("\n\n")[0].split())

    def as_json(self) -> dict[str, object]:
        """Return the entry as values for JSON."""
        return {
            "name": self.node_type.name,
            "aliases": list(self.node_type.aliases),
            "target": self.node_type.target,
            "origin": self.node_type.origin,
            "executor": self.executor,
            "reason": self.reason,
            "accepts": [kind.value for kind in Kind if kind in self.accepts],
            "produces": [kind.value for kind in Kind if kind in self.produces],
            "params": [
                {
                    "name": param.name,
                    "accepted": param.form,
                    # As JSON text; absent where the param is required.
                    **({} if param.default is None else {"default": param.default}),
                    "description": param.description,
                }
                for param in self.params
            ],
            "doc": self.doc,
            "extra": self.node_type.extra,
            "missing": list(self.missing),
            **({"fault": self.fault} if self.fault else {}),
        }


def node_type_entry(node_type: NodeType, router: Router, describer: Describer) -> NodeTypeEntry:
    """Return the entry of a node type; of a class that cannot be imported, with its fault."""
    try:
        assignment = router.route(node_type)
        executor, reason = assignment.executor, assignment.reason
    except RoutingError as error:
        executor, reason = "none", str(error)
    missing = _missing(node_type.extra)
    try:
        description = describer.describe(node_type)
    except ConfigError as error:
        fault = error.faults[0].message
        return NodeTypeEntry(node_type, executor, reason, missing=missing, fault=fault)
    return NodeTypeEntry(
        node_type,
        executor,
        reason,
        description.takes,
        description.gives,
        fields_of(description.schema),
        _without_examples(description.doc),
        missing,
    )


def _without_examples(doc: str) -> str:
    """Return a docstring's text; its examples are Python, and not for authors of manifests."""
    paragraphs = inspect.cleandoc(doc).split("\n\n")
    return "\n\n".join(part for part in paragraphs if not part.lstrip().startswith(">>>"))


def _missing(extra: str | None) -> tuple[str, ...]:
    """Return the packages of one of Millrace's extras that are not installed."""
    if extra is None:
        return ()
    try:
        required = [each for each in requires(_DISTRIBUTION) or () if f"'{extra}'" in _marker(each)]
    except PackageNotFoundError:  # run from its sources
        return ()
    names = [match[0] for each in required if (match := _REQUIREMENT.match(each))]
    return tuple(name for name in names if not _is_installed(name))


def _marker(requirement: str) -> str:
    return requirement.partition(";")[2].replace('"', "'")


def _is_installed(name: str) -> bool:
    try:
        return bool(installed_version(name))
    except PackageNotFoundError:
        return False
