"""Which producing end a link has."""

from ..socket_spec import SocketLinkSpec
from .dropping_writer import DroppingSocketWriter
from .writer import SocketWriter


def writer_of(spec: SocketLinkSpec) -> type[SocketWriter]:
    """Return the class of a link's producing end."""
    return DroppingSocketWriter if spec.drop_oldest else SocketWriter
