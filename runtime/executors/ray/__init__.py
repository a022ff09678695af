"""The executor `ray`, nodes on a Ray cluster. Only the process of its driver imports Ray."""

from .driver_messages import ClusterNode
from .examination import ClusterReport, NodeReport, examine_cluster
from .executor import RayExecutor, open_ray_executor
from .placement import Room, room_for, rooms_of

__all__ = [
    "ClusterNode",
    "ClusterReport",
    "NodeReport",
    "RayExecutor",
    "Room",
    "examine_cluster",
    "open_ray_executor",
    "room_for",
    "rooms_of",
]
