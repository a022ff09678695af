"""What `millrace doctor` examines of a Ray cluster."""

from dataclasses import dataclass
from typing import Final

import trio

from ...plan import ClusterRequest
from ...socket_process.ray import OpenedWorker
from .driver import Driver, first_of, open_driver
from .driver_messages import ClusterNode

NODE_ID_LABEL: Final = "ray.io/node-id"
"""The label that Ray itself gives each node."""

_REACH_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class NodeReport:
    """A node of a cluster, with a worker that was started there for a moment.

    Attributes:
        worker: what it is; None if it could not be started.
        fault: why it could not be started, or not be reached; empty if all is well.
    """

    node: ClusterNode
    worker: OpenedWorker | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """A cluster.

    Attributes:
        node_ip: of this machine, as the cluster knows it.
        gcs_address: "HOST:PORT".
    """

    ray_version: str
    node_ip: str
    gcs_address: str
    nodes: tuple[NodeReport, ...]


async def examine_cluster(address: str, seconds: float) -> ClusterReport:
    """Connect to a cluster, start a worker on each node that runs actors, and connect to it.

    Args:
        address: "HOST:PORT" of the GCS; empty for the cluster that runs on this machine.
        seconds: how long a worker may take to start.

    Raises:
        PipelineError: the cluster cannot be reached, or does not fit what is installed here.
    """
    async with open_driver(address) as driver:
        connected = driver.connected
        assert connected is not None
        reports: dict[str, NodeReport] = {}
        nodes = [node for node in await driver.survey() if node.total.get("CPU")]
        async with trio.open_nursery() as nursery:
            for node in nodes:
                nursery.start_soon(_examine_node, driver, node, seconds, reports)
        return ClusterReport(
            connected.ray_version,
            connected.node_ip,
            connected.gcs_address,
            tuple(reports[node.node_id] for node in nodes),
        )


async def _examine_node(
    driver: Driver, node: ClusterNode, seconds: float, reports: dict[str, NodeReport]
) -> None:
    worker = driver.place(ClusterRequest(labels={NODE_ID_LABEL: node.node_id}))
    try:
        with trio.move_on_after(seconds):
            await first_of(worker.opened, worker.ended, driver.lost)
        opened = worker.message.opened if worker.message is not None else None
        if opened is None:
            fault = worker.reason or driver.loss or f"no worker has started within {seconds:g} s"
        else:
            fault = await _unreachable(opened)
        reports[node.node_id] = NodeReport(node, opened, fault)
    finally:
        worker.end()


async def _unreachable(opened: OpenedWorker) -> str:
    """Return why this machine cannot connect to a worker; empty if it can."""
    try:
        with trio.fail_after(_REACH_SECONDS):
            stream = await trio.open_tcp_stream(opened.host, opened.port)
            await stream.aclose()
    except trio.TooSlowError:
        return f"{opened.host}:{opened.port} does not answer this machine"
    except OSError as error:
        return f"{opened.host}:{opened.port} cannot be reached: {error}"
    return ""
