"""Whether another session can go on with one of a plan."""

from typing import TYPE_CHECKING

from ..manifest import NodeId

if TYPE_CHECKING:
    from .plan import NodePlan


class MovingPlan:
    """The part of a plan that tells whether its streams may move to another server.

    Attributes:
        nodes: of the plan.
    """

    __slots__ = ()

    nodes: "tuple[NodePlan, ...]"

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
