"""Where a cluster has room for the nodes of a plan, for `millrace validate`."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...config import RuntimeConfig, secret_variables
from ...plan import RAY, ClusterRequest, NodePlan, Plan, cluster_request
from .cluster import fits, has_room_ever, has_room_now, refusal, waiting
from .driver import check_installed, open_driver
from .driver_messages import ClusterNode


@dataclass(frozen=True, slots=True)
class Room:
    """Whether a cluster can run a node.

    Attributes:
        is_possible: False if no machine of it has what the node asks for.
        text: where there is room, what the node would wait for, or what is missing, with figures.
    """

    is_possible: bool
    text: str


def room_for(request: ClusterRequest, nodes: Sequence[ClusterNode]) -> Room:
    """Return where a cluster has room for a request, as if it were the only one."""
    if request.gpu_is_optional and not has_room_now(request, nodes):
        without = room_for(request.without_gpu(), nodes)
        if has_room_ever(request, nodes):
            why = "without its GPU if none gets free"
        else:
            why = "without its GPU, since no machine has all that it asks for"
        return Room(without.is_possible, f"{why}: {without.text}")
    if free := [node.address for node in nodes if fits(request, node.free, node.labels)]:
        return Room(True, f"room on {', '.join(free)}")
    if has_room_ever(request, nodes):
        return Room(True, waiting(request, nodes))
    return Room(False, refusal(request, nodes))


async def rooms_of(plan: Plan, config: RuntimeConfig) -> dict[str, Room]:
    """Connect to the cluster, and return the room for each node of a plan that is to run there.

    Each node is looked at by itself: two that fit a machine may not fit it together.

    Raises:
        PipelineError: Ray is not installed, or the cluster cannot be reached.
    """
    settings = config.executors.ray
    planned: list[NodePlan] = [node for node in plan.nodes if node.executor == RAY]
    if not planned:
        return {}
    check_installed()
    without = secret_variables(config)
    async with open_driver(settings.address or "", without=without) as driver:
        nodes = await driver.survey()
    return {
        node.node_id: room_for(cluster_request(node.capabilities, settings.gpu_memory_gb), nodes)
        for node in planned
    }
