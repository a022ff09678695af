"""Describes node types, and checks params for them."""

from collections.abc import Mapping
from typing import Any, Protocol

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

    def describe(self, node_type: NodeType) -> Description:
        """Return the description of a type."""
        return describe_class(load_actor(node_type))

    def check_params(self, node_type: NodeType, given: Mapping[str, Any]) -> ParamsCheck:
        """Check the params that a manifest gives a node of a type."""
        return check_params(load_actor(node_type).params_type, given)
