"""What a session tells its owner."""

from dataclasses import dataclass

import msgspec

from actors import Data


@dataclass(frozen=True, slots=True)
class InitProgress:
    """How far one node's initialization has come.

    Attributes:
        status: "starting", "loading_model", "ready" or "error".
        fraction: 0 to 1.
        message: for people; may be empty.
    """

    node_id: str
    status: str
    fraction: float
    message: str = ""


class Result(msgspec.Struct, frozen=True, eq=False):
    """One output of a sink node.

    Attributes:
        node_id: the sink.
        data: the item.
        sequence: of the chunk that it came from.
        timestamp_ms: the client's timestamp of that chunk, in milliseconds; 0 if it gave none.
        latency_seconds: from the chunk's entry into the session to here; 0 for what a flush gave
            without any input.
    """

    node_id: str
    data: Data
    sequence: int
    timestamp_ms: int
    latency_seconds: float
