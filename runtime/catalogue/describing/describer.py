"""Who describes node types, and checks params for them."""

from collections.abc import Mapping
from typing import Any, Protocol

from ..lookup import NodeType, load_actor
from ..params import ParamsCheck, check_params
from .description import Description, describe_class


class Describer(Protocol):
    """Knows what a plan and a list of node types need to know of a type's class."""

    def describe(self, node_type: NodeType) -> Description:
        """Return the description of a type.

        Raises:
            ConfigError: its class cannot be imported; the message says why.
        """

    def check_params(self, node_type: NodeType, given: Mapping[str, Any]) -> ParamsCheck:
        """Check what a manifest gives a node of that type.

        Raises:
            ConfigError: as `describe`.
        """


class ImportingDescriber:
    """Imports the classes into this process: for those that are here anyway, or light."""

    def describe(self, node_type: NodeType) -> Description:
        """Return the description of a type."""
        return describe_class(load_actor(node_type))

    def check_params(self, node_type: NodeType, given: Mapping[str, Any]) -> ParamsCheck:
        """Check what a manifest gives a node of that type."""
        return check_params(load_actor(node_type).params_type, given)
