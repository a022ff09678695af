"""What the server counts and measures, in one place; exported by others.

Everything that shows figures of the whole server reads the `Registry` of its runtime: `sessions`
has them for each open session, `collect` for node types, calls, processes and the machine, summed
since the start of the server.
"""

from .exported import BOUND_EXPONENTS, EXPORTED, Distribution, ExportedMetric, MetricKind
from .figures import (
    CapacityFigures,
    Drain,
    LinkFigures,
    NodeFigures,
    SessionFigures,
    SessionSource,
)
from .labels import MOST_NODES, MOST_PIPELINES, OTHER, LinkLabels, NodeLabels
from .loop_lag import measure_loop_lag
from .machine_usage import MachineUsage, ProcessUsage
from .merging import counters_of, merged
from .registry import Registry
from .snapshot import SessionCounts, Snapshot

__all__ = [
    "BOUND_EXPONENTS",
    "EXPORTED",
    "MOST_NODES",
    "MOST_PIPELINES",
    "OTHER",
    "CapacityFigures",
    "Distribution",
    "Drain",
    "ExportedMetric",
    "LinkFigures",
    "LinkLabels",
    "MachineUsage",
    "MetricKind",
    "NodeFigures",
    "NodeLabels",
    "ProcessUsage",
    "Registry",
    "SessionCounts",
    "SessionFigures",
    "SessionSource",
    "Snapshot",
    "counters_of",
    "measure_loop_lag",
    "merged",
]
