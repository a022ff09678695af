"""The nodes of a pipeline, as inputs and outputs are matched with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actors import ANY_KIND, Kind

from ...catalogue import Catalogue
from ...catalogue.describing import Describer
from ...errors import ConfigError

if TYPE_CHECKING:
    from ...manifest import Manifest
    from ...plan import Plan


@dataclass(frozen=True, slots=True)
class PipelineNode:
    """A node: the kinds that it accepts and produces.

    Attributes:
        type_name: its node type, for messages.
        is_source: whether it generates items.
    """

    type_name: str
    accepts: frozenset[Kind]
    produces: frozenset[Kind]
    is_source: bool = False


@dataclass(frozen=True, slots=True)
class PipelineNodes:
    """All nodes of a pipeline.

    Attributes:
        sources: the ids of nodes without a predecessor that do not generate items.
        sinks: the ids of nodes whose outputs are results.
    """

    by_id: Mapping[str, PipelineNode]
    sources: tuple[str, ...]
    sinks: tuple[str, ...]


def nodes_of_plan(plan: "Plan") -> PipelineNodes:
    """Return the nodes of a plan."""
    nodes: dict[str, PipelineNode] = {
        node.node_id: PipelineNode(
            node.node_type.name, node.accepts.kinds, node.produces, node.is_source
        )
        for node in plan.nodes
    }
    return PipelineNodes(nodes, plan.entries, plan.sinks)


def nodes_of_manifest(
    manifest: "Manifest", catalogue: Catalogue, describer: Describer
) -> PipelineNodes:
    """Return the nodes of a manifest that runs on a server.

    A node type that is unknown here, or that cannot be loaded here, may accept and produce any
    kind.
    """
    nodes: dict[str, PipelineNode] = {
        node.id: _remote_node(node.node_type, catalogue, describer) for node in manifest.nodes
    }
    read = {each.source for each in manifest.connections}
    reading = {each.target for each in manifest.connections}
    return PipelineNodes(
        nodes,
        tuple(
            node.id
            for node in manifest.nodes
            if node.id not in reading and not nodes[node.id].is_source
        ),
        tuple(node.id for node in manifest.nodes if node.id not in read or node.is_output_node),
    )


def _remote_node(name: str, catalogue: Catalogue, describer: Describer) -> PipelineNode:
    known = catalogue.find(name)
    if known is not None:
        try:
            description = describer.describe(known)
        except ConfigError:
            pass
        else:
            return PipelineNode(name, description.takes, description.gives, description.is_source)
    return PipelineNode(name, ANY_KIND, ANY_KIND)
