"""How one actor runs, in the server and in a node process: its loop, its hooks, its statistics."""

from .actor_loop import EXIT_REPORT_SECONDS, ActorLoop
from .emission import Announce
from .node_control import Intercept, NodeControl, NodeState, Tap
from .statistics import NodeStatistics

__all__ = [
    "EXIT_REPORT_SECONDS",
    "ActorLoop",
    "Announce",
    "Intercept",
    "NodeControl",
    "NodeState",
    "NodeStatistics",
    "Tap",
]
