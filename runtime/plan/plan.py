"""Plans: the values that planning gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from actors import Kind

from ..catalogue import Acceptance, ClassCode, NodeType
from ..manifest import Capabilities, Manifest, NodeId
from .effective_settings import EffectiveSettings
from .executor_registry import Place
from .grants import GrantNames
from .machine import Gpu
from .remote_nodes import RemotePart


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One node of a plan.

    Attributes:
        params: checked, JSON values, in snake_case, without defaults.
        executor: the name of the executor that runs it.
        reason: the rule that decided it.
        inputs: the nodes that it reads, in the order of the manifest's connections.
        outputs: the nodes that read it.
        accepts: the kinds of data that it takes.
        produces: the kinds of data that it emits.
        is_output: whether its output is a result also if other nodes read it.
        uses_process: whether it runs in a process of its own on this machine.
        place: where the ends of its links are.
        is_isolated: whether it shares no memory and no event loop with the server.
        gpu: the GPU that its process may use; None for none of its own.
        grants: the operator's endpoints and tools that its params name.
        is_source: whether it generates items: no chunk can enter at it.
        code: of the actor's class, if its process cannot import it.
        stateless: whether its outputs for an item depend on this item only.
        moves_state: whether its class can export and import its state.
        preload_params: the params that a template of the type depends on; None if it has none.
        capabilities: what the manifest asks of the machine; None if nothing.
        remote: the part of the pipeline on another host that it belongs to; None if it runs here.
    """

    node_id: NodeId
    node_type: NodeType
    params: Mapping[str, Any]
    executor: str
    reason: str
    inputs: tuple[NodeId, ...]
    outputs: tuple[NodeId, ...]
    accepts: Acceptance
    produces: frozenset[Kind]
    uses_process: bool
    place: Place
    is_isolated: bool
    is_output: bool = False
    gpu: Gpu | None = None
    grants: GrantNames = field(default_factory=GrantNames)
    is_source: bool = False
    code: ClassCode | None = field(default=None, repr=False)
    stateless: bool = False
    moves_state: bool = False
    preload_params: tuple[str, ...] | None = None
    capabilities: Capabilities | None = None
    remote: RemotePart | None = None

    @property
    def local_outputs(self) -> tuple[NodeId, ...]:
        """The nodes that read it over a link of this host."""
        inside = () if self.remote is None else self.remote.members
        return tuple(reader for reader in self.outputs if reader not in inside)


@dataclass(frozen=True, slots=True)
class Plan:
    """A pipeline that can be started.

    Attributes:
        nodes: in topological order.
        settings: of this session, each with its source.
    """

    manifest: Manifest
    nodes: tuple[NodePlan, ...]
    settings: EffectiveSettings

    def node(self, node_id: str) -> NodePlan:
        """Return a node by its id.

        Raises:
            KeyError: no node has that id.
        """
        for node in self.nodes:
            if node.node_id == node_id:
                return node
        raise KeyError(node_id)

    def _repr_svg_(self) -> str:
        """Return the graph as a notebook shows it."""
        # By its name, since what draws a plan imports this module.
        svg: str = import_module(f"{__package__}.drawing").to_svg(self)
        return svg

    @property
    def may_move(self) -> bool:
        """Whether another session can go on without any state: every node is stateless."""
        return all(node.stateless for node in self.nodes)

    @property
    def stateful(self) -> tuple[NodeId, ...]:
        """The nodes that export their state, so that another session can go on with it."""
        return tuple(node.node_id for node in self.nodes if node.moves_state and not node.stateless)

    @property
    def staying(self) -> tuple[NodeId, ...]:
        """The nodes because of which no other session can go on with one of this plan."""
        return tuple(
            node.node_id for node in self.nodes if not (node.moves_state or node.stateless)
        )

    @property
    def moves_state(self) -> bool:
        """Whether another session can go on with the states of the nodes, and some have one."""
        return not self.staying and bool(self.stateful)

    @property
    def sources(self) -> tuple[NodeId, ...]:
        """The nodes that read no other."""
        return tuple(node.node_id for node in self.nodes if not node.inputs)

    @property
    def entries(self) -> tuple[NodeId, ...]:
        """The sources that a client's chunks enter: those that do not generate items."""
        return tuple(node.node_id for node in self.nodes if not node.inputs and not node.is_source)

    @property
    def generating(self) -> tuple[NodeId, ...]:
        """The sources that generate items."""
        return tuple(node.node_id for node in self.nodes if node.is_source)

    @property
    def sinks(self) -> tuple[NodeId, ...]:
        """The nodes whose outputs are results: those that no other reads, and is_output_node."""
        return tuple(node.node_id for node in self.nodes if not node.outputs or node.is_output)

    @property
    def successors(self) -> dict[NodeId, tuple[NodeId, ...]]:
        """The readers of each node."""
        return {node.node_id: node.outputs for node in self.nodes}

    @property
    def process_count(self) -> int:
        """The number of processes that the plan needs."""
        return sum(node.uses_process for node in self.nodes)
