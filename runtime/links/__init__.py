"""Links: one producer, its readers, and a bounded queue between, inside a process or across."""

from .control_lane import ControlLane, Notice, name_of, named, unnamed
from .errors import PeerGoneError
from .inbox import Inbox, Reader
from .item import Item, weight_bytes
from .mark import mark, name_of_mark
from .output import Output, Writer
from .port import Port
from .statistics import LinkStatistics
from .waiting import BlockingWaiting, Interrupt, TrioWaiting, Waiting
from .wiring import INLET, Bounds, LocalEnds, RemoteEnds, Wiring

__all__ = [
    "BlockingWaiting",
    "Bounds",
    "ControlLane",
    "INLET",
    "Inbox",
    "Interrupt",
    "Item",
    "LinkStatistics",
    "LocalEnds",
    "Notice",
    "Output",
    "PeerGoneError",
    "Port",
    "Reader",
    "RemoteEnds",
    "TrioWaiting",
    "Waiting",
    "Wiring",
    "Writer",
    "mark",
    "name_of",
    "name_of_mark",
    "named",
    "unnamed",
    "weight_bytes",
]
