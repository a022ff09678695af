"""The times that a process on another machine reports, in the time of the server."""

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from ...latency import Hop
from .control_messages import Hops, TappedItem
from .message_socket import MessageSocket
from .messages import FromNode, Spans


class InServerTime:
    """Messages of a process, with the times of the server's clock.

    Args:
        messages: of the process.
        offset_ns: what its machine's monotonic clock is behind the server's.
    """

    def __init__(self, messages: MessageSocket, offset_ns: int) -> None:
        self._messages = messages
        self._offset_ns = offset_ns

    async def receive(self) -> FromNode | None:
        """Return the next message: see `MessageSocket`."""
        message = await self._messages.receive()
        return _shifted(message, self._offset_ns) if self._offset_ns else message

    async def send(self, message: msgspec.Struct) -> None:
        """Send a message."""
        await self._messages.send(message)


_HOP_TIMES: Final = ("free_ns", "taken_ns", "emitted_ns", "sent_ns")
_SPAN_TIMES: Final = ("start_ns", "end_ns")


def _shifted(message: FromNode | None, offset_ns: int) -> FromNode | None:
    match message:
        case Hops(hops):
            return Hops([_shifted_hop(hop, offset_ns) for hop in hops])
        case Spans(spans):
            return Spans([_with_times(span, _SPAN_TIMES, offset_ns) for span in spans])
        case TappedItem():
            return _with_times(message, ("time_ns",), offset_ns)
    return message


def _shifted_hop(hop: Hop, offset_ns: int) -> Hop:
    # The hop of a generated item begins when the item entered, in the session's clock already.
    is_of_source = hop.free_ns == hop.taken_ns == hop.entered_ns
    return _with_times(hop, _HOP_TIMES[2:] if is_of_source else _HOP_TIMES, offset_ns)


S = TypeVar("S", bound=msgspec.Struct)


def _with_times(record: S, names: Sequence[str], offset_ns: int) -> S:
    times = {name: max(getattr(record, name) + offset_ns, 0) for name in names}
    return msgspec.structs.replace(record, **times)
