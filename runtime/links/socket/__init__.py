"""Links between machines: the items of one producer for one reader, over a TCP connection."""

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
from .pulse import BEAT_SECONDS, SILENCE_SECONDS, beat, watch_pulse
from .reader import SocketReader
from .specs import SocketLinkSpec
from .writer import SocketWriter


def writer_of(spec: SocketLinkSpec) -> type[SocketWriter]:
    """Return the class of a link's producing end."""
    return DroppingSocketWriter if spec.drop_oldest else SocketWriter


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
