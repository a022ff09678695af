"""How one actor runs, wherever it runs: its loop, its hooks, its statistics."""

from .actor_loop import EXIT_REPORT_SECONDS, ActorLoop, Announce
from .statistics import NodeStatistics

__all__ = [
    "EXIT_REPORT_SECONDS",
    "ActorLoop",
    "Announce",
    "NodeStatistics",
]
