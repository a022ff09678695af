"""Links between machines: the items of one producer for one reader, over a TCP connection."""

from ..socket_spec import SocketLinkSpec
from .dropping_writer import DroppingSocketWriter
from .opening import (
    AcceptedLink,
    Address,
    DialledLink,
    LinkListener,
    LinkRefusedError,
    LinkSecret,
    dial,
    open_link_listener,
    tune,
)
from .pulse import BEAT_SECONDS, SILENCE_SECONDS, PulseEndedError, beat, watch_pulse
from .reader import SocketReader
from .session_links import SessionLinks, SocketEnds, SocketLink
from .writer import SocketWriter
from .writing import writer_of

__all__ = [
    "BEAT_SECONDS",
    "SILENCE_SECONDS",
    "AcceptedLink",
    "Address",
    "DialledLink",
    "DroppingSocketWriter",
    "LinkListener",
    "LinkRefusedError",
    "LinkSecret",
    "PulseEndedError",
    "SessionLinks",
    "SocketEnds",
    "SocketLink",
    "SocketLinkSpec",
    "SocketReader",
    "SocketWriter",
    "beat",
    "dial",
    "open_link_listener",
    "tune",
    "watch_pulse",
    "writer_of",
]
