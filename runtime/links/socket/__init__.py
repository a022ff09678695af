"""Links between machines: the items of one producer for one reader, over a TCP connection."""

from ..socket_spec import SocketLinkSpec
from .certificate import LinkCertificate
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
from .pulse import (
    BEAT_SECONDS,
    PROCESS_STOPPED,
    SILENCE_SECONDS,
    SUPERVISOR_ENDED,
    SUPERVISOR_STOPPED,
    PulseEndedError,
    beat,
    watch_pulse,
)
from .reader import SocketReader
from .session_links import SessionLinks, SocketEnds, SocketLink
from .tls import without_tls
from .writer import SocketWriter
from .writing import writer_of

__all__ = [
    "BEAT_SECONDS",
    "PROCESS_STOPPED",
    "SILENCE_SECONDS",
    "SUPERVISOR_ENDED",
    "SUPERVISOR_STOPPED",
    "AcceptedLink",
    "Address",
    "DialledLink",
    "DroppingSocketWriter",
    "LinkCertificate",
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
    "without_tls",
    "writer_of",
]
