"""Finds node types by name: built-in ones, installed ones, the operator's, an application's."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, Final

from actors import Actor
from actors.catalogue import ALIASES
from actors.definition import faults_of_defaults

from ..config import RuntimeConfig
from ..documents import did_you_mean, shown
from ..errors import ConfigError, Fault
from .built_in import BUILT_IN
from .class_code import ClassCode, code_of
from .main_module import MAIN, check_main_guard
from .modules import (
    absolute_target,
    attribute_of,
    import_module,
    importable_target,
    is_in_main,
    is_target,
    split_target,
    target_of,
)

GROUP: Final = "millrace.nodes"
"""The entry point group in which a distribution offers node types: name = "module:Class"."""

_BUILT_IN: Final = "built in"
_OPERATOR: Final = "runtime.toml"
_APPLICATION: Final = "application"


AnyActor = type[Actor[Any]]


@dataclass(frozen=True, slots=True)
class NodeType:
    """A node type.

    Attributes:
        name: the name in manifests.
        target: "module:Class" or "/folder/file.py:Class" of its actor.
        executor: the executor that it is registered for, if any.
        extra: the extra of this distribution that installs its libraries, if any.
        origin: where it comes from, for people.
        actor: the class itself, if the application gave it; then nothing looks for the target.
    """

    name: str
    target: str
    executor: str | None = None
    extra: str | None = None
    origin: str = _APPLICATION
    actor: AnyActor | None = None

    @property
    def is_of_application(self) -> bool:
        """Whether the application brings the type, as in `open_runtime(node_types=...)`."""
        return self.origin == _APPLICATION

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names of a built-in type, from manifests of the older service."""
        if self.origin != _BUILT_IN:
            return ()
        return tuple(alias for alias, name in ALIASES.items() if name == self.name)

    def code(self) -> ClassCode | None:
        """Return what a node process needs to have the class; None if it imports the target.

        Raises:
            ConfigError: neither can be done; the message says why, and what to do.
        """
        if self.actor is None:
            return None
        target = importable_target(self.actor)
        if target is None:
            return code_of(self.actor)
        if is_in_main(target):
            check_main_guard()
        return None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The node types by name. No module is imported until a type is loaded."""

    types: Mapping[str, NodeType] = field(default_factory=lambda: MappingProxyType({}))

    def __iter__(self) -> Iterator[NodeType]:
        return iter(self.types.values())

    def __len__(self) -> int:
        return len(self.types)

    def __contains__(self, name: object) -> bool:
        return name in self.types

    def find(self, name: str) -> NodeType | None:
        """Return the type of a name or of an alias; None if there is none."""
        return self.types.get(name) or self.types.get(ALIASES.get(name, ""))

    def unknown(self, name: str) -> str:
        """Return the message about a name without a node type, with the nearest name."""
        hint = did_you_mean(name, sorted(self.types), or_else="known node types")
        return f"no node type {shown(name)}; {hint}"

    def with_types(self, types: Mapping[str, "str | AnyActor | NodeType"]) -> "Catalogue":
        """Return a catalogue with further types, which replace those of the application.

        Args:
            types: name to "module:Class", to an actor class, or to a NodeType, which may have an
                executor.

        Raises:
            ConfigError: another type has the name, or one is neither a target nor a class.
        """
        kept = (
            each
            for each in self.types.values()
            if not (each.is_of_application and each.name in types)
        )
        return _merged([*kept, *(_named(name, types[name]) for name in types)])


def build_catalogue(
    config: RuntimeConfig,
    *,
    installed: Iterable[EntryPoint] | None = None,
    found: Iterable[NodeType] = (),
) -> Catalogue:
    """Return the catalogue of a server.

    Args:
        config: its [nodes] override other types of the same name.
        installed: entry points, instead of those of all installed distributions.
        found: the types of the files and modules that the operator names.

    Raises:
        ConfigError: two types have the same name, and [nodes] does not choose one.
    """
    points = entry_points(group=GROUP) if installed is None else installed
    mine = [
        NodeType(name, absolute_target(target), origin=_OPERATOR)
        for name, target in config.nodes.items()
    ]
    others = [
        *(
            NodeType(entry.name, entry.target, entry.executor, entry.extra, _BUILT_IN)
            for entry in BUILT_IN
        ),
        *(_installed(point) for point in points),
        *found,
    ]
    return _merged([*(each for each in others if each.name not in config.nodes), *mine])


def load_actor(node_type: NodeType | str) -> AnyActor:
    """Import the actor class of a node type, or of a target.

    Raises:
        ConfigError: the module cannot be imported, has no such class, or the class is not an actor
            whose params have valid defaults; the message says which, and what to install.
    """
    known = NodeType("", node_type) if isinstance(node_type, str) else node_type
    return checked_actor(known.actor or _imported(known), known.target)


def checked_actor(found: object, target: str) -> AnyActor:
    """Return an actor class if it is one.

    Raises:
        ConfigError: it is none, or the defaults of its params are not valid.
    """
    path = target.rpartition(":")[2]
    if not (isinstance(found, type) and issubclass(found, Actor)):
        raise ConfigError([Fault(target, f"{path} is not a subclass of actors.Actor")])
    faults = faults_of_defaults(found.params_type)
    if faults:
        raise ConfigError([Fault(target, fault) for fault in faults])
    return found


def _imported(node_type: NodeType) -> object:
    target = node_type.target
    module_name, path = split_target(target)
    module = import_module(module_name, subject=target, extra=node_type.extra)
    return attribute_of(module, path, target)


def _named(name: str, kind: object) -> NodeType:
    if isinstance(kind, NodeType):
        return replace(kind, name=name)
    if isinstance(kind, type):
        return NodeType(name, target_of(kind), actor=kind)
    if not isinstance(kind, str) or not is_target(kind):
        message = f'got {shown(kind)}; expected "module:Class", or a class'
        raise ConfigError([Fault(f"node type {name!r}", message)])
    if kind.startswith(f"{MAIN}:"):
        message = f"{kind} is in no module; give the class itself, without quotes"
        raise ConfigError([Fault(f"node type {name!r}", message)])
    return NodeType(name, absolute_target(kind))


def _installed(point: EntryPoint) -> NodeType:
    distribution = point.dist
    name = "an installed distribution" if distribution is None else distribution.name
    return NodeType(point.name, f"{point.module}:{point.attr}", origin=name)


def _merged(types: Iterable[NodeType]) -> Catalogue:
    merged: dict[str, NodeType] = {}
    faults: list[Fault] = []
    for each in types:
        other = merged.setdefault(each.name, each)
        if other.target != each.target and other.origin != _OPERATOR:
            message = (
                f"offered twice: {other.target} ({other.origin}) and {each.target} "
                f"({each.origin}); name the one you want in runtime.toml, [nodes]"
            )
            faults.append(Fault(f"node type {each.name!r}", message))
    if faults:
        raise ConfigError(faults)
    return Catalogue(MappingProxyType(merged))
