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

    def _repr_html_(self) -> str:
        """Return the result as a notebook shows it."""
        from actors.display import caption, card, html_of  # here, as nothing else does

        facts = [
            f"of chunk {self.sequence}",
            f"at {self.timestamp_ms} ms" if self.timestamp_ms else "",
            f"after {1000 * self.latency_seconds:.3g} ms" if self.latency_seconds else "",
        ]
        return card(caption(*facts, title=self.node_id), html_of(self.data))
