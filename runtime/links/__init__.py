"""Links: one producer, its readers, and a bounded queue between, inside a process or across."""

from .errors import PeerGoneError
from .inbox import Inbox, Reader
from .item import Item, weight_bytes
from .output import Output, Writer
from .port import Port
from .statistics import LinkStatistics
from .waiting import BlockingWaiting, Interrupt, TrioWaiting, Waiting

__all__ = [
    "BlockingWaiting",
    "Inbox",
    "Interrupt",
    "Item",
    "LinkStatistics",
    "Output",
    "PeerGoneError",
    "Port",
    "Reader",
    "TrioWaiting",
    "Waiting",
    "Writer",
    "weight_bytes",
]
