"""The parts of a result's latency."""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Part(Enum):
    """What an item does for a part of its time."""

    QUEUE = "queue"
    """It waits at a node, which is busy with what came before."""

    WIRE = "wire"
    """It is on its way over a link, to a reader that is free."""

    HOLD = "hold"
    """Its node has it, and the actor's code does not run: for a batch, or for the event loop."""

    PROCESS = "process"
    """The actor's code runs."""

    SEND = "send"
    """The output waits for room at its readers."""


PARTS: Final = tuple(Part)
"""In the order in which an item goes through them."""


@dataclass(frozen=True, slots=True)
class Stay:
    """How long an item was on its way to a node and in it, in nanoseconds.

    Attributes:
        node_id: the node; empty for the session's client: first as the one that sends, of which
            only `send` counts, and last as the one that receives, with `queue` and `wire`.
    """

    node_id: str
    queue: int = 0
    wire: int = 0
    hold: int = 0
    process: int = 0
    send: int = 0

    def part(self, part: Part) -> int:
        """Return one part."""
        nanoseconds: int = getattr(self, part.value)
        return nanoseconds

    @property
    def total_ns(self) -> int:
        """The sum of the parts."""
        return self.queue + self.wire + self.hold + self.process + self.send


@dataclass(frozen=True, slots=True)
class ResultLatency:
    """The latency of one result, in parts that sum up to it.

    Attributes:
        node_id: the sink.
        sequence: of the chunk that the result came from.
        entered_ns: when that chunk entered the session, in nanoseconds since 1970.
        total_ns: from there until the session's client received the result.
        stays: the client that sends, each node on the way, and the client that receives.
    """

    node_id: str
    sequence: int
    entered_ns: int
    total_ns: int
    stays: tuple[Stay, ...]

    @property
    def path(self) -> tuple[str, ...]:
        """The ids of the nodes on the way."""
        return tuple(stay.node_id for stay in self.stays)
