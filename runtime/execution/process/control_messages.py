"""Messages that control a node process: taps, intercepts, the node's state."""

import msgspec

from ...latency import Hop


class SetState(msgspec.Struct, tag=True, frozen=True):
    """Set the node's state."""

    state: str
    bypass_kinds: list[str]


class SetTap(msgspec.Struct, tag=True, frozen=True):
    """Send every output to the server, or stop that.

    Attributes:
        active: whether to send them.
        delay_seconds: how long an output may be on its way, so that many can be taken at once.
    """

    active: bool
    delay_seconds: float = 0.0


class SetIntercept(msgspec.Struct, tag=True, frozen=True):
    """Ask the server about every output, or stop that; outputs that wait for an answer pass."""

    active: bool


class SetHops(msgspec.Struct, tag=True, frozen=True):
    """Send the hops of sampled items, or stop that.

    Attributes:
        interval: see `runtime.latency.is_sampled`; 0 stops it.
    """

    interval: int


class InterceptAnswer(msgspec.Struct, tag=True, frozen=True):
    """The server's decision on one output.

    Attributes:
        number: of the question.
        passes: whether the output goes on.
        replacement: what goes on instead; empty for the output itself.
    """

    number: int
    passes: bool
    replacement: bytes = b""


class CancelCall(msgspec.Struct, tag=True, frozen=True):
    """Cancel the call of the actor that is running."""


class SetExport(msgspec.Struct, tag=True, frozen=True):
    """Export the node's state at the end of its input, in place of a flush."""

    most_bytes: int


class SetImport(msgspec.Struct, tag=True, frozen=True):
    """Import a state when the next barrier comes."""

    state: bytes


class ExportedState(msgspec.Struct, tag=True, frozen=True):
    """The state of the node, at the end of its input."""

    state: bytes


class TappedItem(msgspec.Struct, tag=True, frozen=True):
    """A copy of an output.

    Attributes:
        copy: see `item_bytes`.
        missed: outputs before it that were not copied, because too many were waiting.
        time_ns: when it was emitted, in nanoseconds of the monotonic clock.
        written: bytes of the memory of the tap that had been written before.
    """

    copy: bytes
    missed: int
    time_ns: int
    written: int = 0


class OutputsWaiting(msgspec.Struct, tag=True, frozen=True):
    """The memory of the tap has outputs, and until the delay is over there may be more.

    Attributes:
        is_filling: the server should take them now.
    """

    is_filling: bool = False


class InterceptQuestion(msgspec.Struct, tag=True, frozen=True):
    """An output that waits for the server's decision."""

    number: int
    copy: bytes


class Hops(msgspec.Struct, tag=True, frozen=True):
    """Hops of the node, whose outputs were sent."""

    hops: list[Hop]


class ControlApplied(msgspec.Struct, tag=True, frozen=True):
    """A message of the server is in effect.

    Attributes:
        written: bytes of the memory of the tap that had been written before.
        missed: outputs since the last copy that were not copied for a tap that ends here.
    """

    written: int = 0
    missed: int = 0


class BarrierReached(msgspec.Struct, tag=True, frozen=True):
    """The node has received a barrier."""

    number: int


ControlToNode = (
    SetState
    | SetTap
    | SetIntercept
    | SetHops
    | SetExport
    | SetImport
    | InterceptAnswer
    | CancelCall
)
ControlFromNode = (
    TappedItem
    | OutputsWaiting
    | InterceptQuestion
    | Hops
    | ControlApplied
    | BarrierReached
    | ExportedState
)
