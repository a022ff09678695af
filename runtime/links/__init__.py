"""Links: one producer, its readers, and a bounded queue between, inside a process or across."""

from actors.data import weight_bytes

from .barriers import barrier, is_reserved, is_start_signal, number_of_barrier, start_signal
from .control_lane import ControlLane, Notice, name_of, named, unnamed
from .direct_run import DirectRun
from .errors import PeerError, PeerFaultError, PeerGoneError
from .inbox import Inbox, Reader
from .item import Item
from .local_queue import LocalQueue
from .machine_resources import exhausted_resource
from .marks import mark, name_of_mark
from .output import Output, Writer
from .socket_spec import SocketLinkSpec
from .statistics import Count, LinkStatistics
from .stepped_wait import Step, SteppedWait
from .stream_bytes import receive_exactly, send_all
from .waiting import BlockingWaiting, Interrupt, TrioWaiting, Waiting
from .wiring import INLET, Bounds, LocalEnds, ProcessEnds, Wiring

__all__ = [
    "barrier",
    "number_of_barrier",
    "INLET",
    "BlockingWaiting",
    "Bounds",
    "ControlLane",
    "Count",
    "DirectRun",
    "Inbox",
    "Interrupt",
    "Item",
    "LinkStatistics",
    "LocalEnds",
    "LocalQueue",
    "Notice",
    "Output",
    "PeerError",
    "PeerFaultError",
    "PeerGoneError",
    "ProcessEnds",
    "Reader",
    "SocketLinkSpec",
    "Step",
    "SteppedWait",
    "TrioWaiting",
    "Waiting",
    "Wiring",
    "Writer",
    "exhausted_resource",
    "is_reserved",
    "is_start_signal",
    "mark",
    "name_of",
    "name_of_mark",
    "named",
    "receive_exactly",
    "send_all",
    "start_signal",
    "unnamed",
    "weight_bytes",
]
