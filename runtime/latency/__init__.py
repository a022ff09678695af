"""Where the time of results goes: what nodes record of items, the parts of a result's latency."""

from .diagnosis import NodeFacts, duration_text
from .hop import Hop, is_sampled
from .parts import PARTS, Part, ResultLatency, Stay
from .paths import PathAssembly
from .summary import LatencySummary, QuantileLatency, summarize
from .value import summary_value

__all__ = [
    "PARTS",
    "Hop",
    "LatencySummary",
    "NodeFacts",
    "Part",
    "PathAssembly",
    "QuantileLatency",
    "ResultLatency",
    "Stay",
    "duration_text",
    "is_sampled",
    "summarize",
    "summary_value",
]
