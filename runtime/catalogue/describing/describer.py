"""Describes node types, and checks params for them."""

from collections.abc import Mapping
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from actors import Actor

from ..lookup import NodeType, load_actor
from ..params import ParamsCheck, check_params
from .description import Description, describe_class


class Describer(Protocol):
    """Gives the facts about the class of a node type that a plan and a listing need."""

    def describe(self, node_type: NodeType) -> Description:
        """Return the description of a type.

        Raises:
            ConfigError: its class cannot be imported; the message gives the reason.
        """

    def check_params(self, node_type: NodeType, given: Mapping[str, Any]) -> ParamsCheck:
        """Check the params that a manifest gives a node of a type.

        Raises:
            ConfigError: as `describe`.
        """


class ImportingDescriber:
    """Imports the classes into this process: for classes that are loaded already, or light."""

    def __init__(self) -> None:
        # A plan asks six times for each node, and a schema takes 0.4 ms (2026-11-27).
        self._described: WeakKeyDictionary[type[Actor[Any]], Description] = WeakKeyDictionary()

    def describe(self, node_type: NodeType) -> Description:
        """Return the description of a type."""
        actor = load_actor(node_type)
        description = self._described.get(actor)
        if description is None:
            description = self._described[actor] = describe_class(actor)
        return description

    def check_params(self, node_type: NodeType, given: Mapping[str, Any]) -> ParamsCheck:
        """Check the params that a manifest gives a node of a type."""
        return check_params(load_actor(node_type).params_type, given)
