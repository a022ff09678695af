"""The nodes of a pipeline as files are tied to them: which there are, what they take and give."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actors import ANY_KIND, Kind

from ..catalogue import Catalogue
from ..catalogue.describing import Describer
from ..errors import ConfigError

if TYPE_CHECKING:
    from ..manifest import Manifest
    from ..plan import Plan


@dataclass(frozen=True, slots=True)
class End:
    """A node.

    Attributes:
        type_name: its type, for messages.
    """

    type_name: str
    accepts: frozenset[Kind]
    produces: frozenset[Kind]


@dataclass(frozen=True, slots=True)
class PipelineEnds:
    """All nodes, and those at the ends.

    Attributes:
        sources: those that read no other.
        sinks: those that no other reads.
    """

    nodes: Mapping[str, End]
    sources: tuple[str, ...]
    sinks: tuple[str, ...]


def ends_of_plan(plan: "Plan") -> PipelineEnds:
    """Return the ends of a plan."""
    nodes: dict[str, End] = {
        node.node_id: End(node.node_type.name, node.accepts.kinds, node.produces)
        for node in plan.nodes
    }
    return PipelineEnds(nodes, plan.sources, plan.sinks)


def ends_of_manifest(
    manifest: "Manifest", catalogue: Catalogue, describer: Describer
) -> PipelineEnds:
    """Return the ends of what runs elsewhere.

    Of a node type that is not known here, or cannot be loaded here, anything is expected.
    """
    nodes: dict[str, End] = {
        node.id: _end_elsewhere(node.node_type, catalogue, describer) for node in manifest.nodes
    }
    read = {each.source for each in manifest.connections}
    reading = {each.target for each in manifest.connections}
    return PipelineEnds(
        nodes,
        tuple(node.id for node in manifest.nodes if node.id not in reading),
        tuple(node.id for node in manifest.nodes if node.id not in read),
    )


def _end_elsewhere(name: str, catalogue: Catalogue, describer: Describer) -> End:
    known = catalogue.find(name)
    if known is not None:
        try:
            description = describer.describe(known)
        except ConfigError:
            pass
        else:
            return End(name, description.takes, description.gives)
    return End(name, ANY_KIND, ANY_KIND)
