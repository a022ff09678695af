"""Items of a recording: a DataChunk of the contract per message, on one topic per node and side."""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Final

from actors import Data, DataError

from ..errors import InputError
from ..wire import DataChunk
from ..wire.codec import Codec, DecodeError
from ..wire.conversion import chunk_data_of
from .errors import RecordingError

SCHEMA_NAME: Final = "remotemedia.v1.DataChunk"
SCHEMA_ENCODING: Final = "protobuf"


class Side(Enum):
    """Where an item was recorded."""

    INPUT = "in"
    """It entered a node from outside of the pipeline: a chunk, or a published item."""

    OUTPUT = "out"
    """A node emitted it."""


@dataclass(frozen=True)
class RecordedItem:
    """One item of a recording.

    Attributes:
        node_id: the node that it entered, or that emitted it.
        body: the encoded DataChunk.
        time_ns: when it was recorded, in nanoseconds since 1970.
        entered_ns: when the chunk that it came from entered the session, likewise.
    """

    node_id: str
    side: Side
    body: bytes
    time_ns: int
    entered_ns: int

    @property
    def latency_seconds(self) -> float:
        """Return the time from the entry of the chunk to this item, in seconds."""
        return (self.time_ns - self.entered_ns) / 1e9

    @property
    def sequence(self) -> int:
        """The sequence of the chunk that it came from."""
        return self._chunk.sequence

    @property
    def timestamp_ms(self) -> int:
        """The client's timestamp of that chunk, in milliseconds; 0 if it gave none."""
        return self._chunk.timestamp_ms

    @cached_property
    def data(self) -> Data:
        """The data.

        Raises:
            RecordingError: it cannot be read.
        """
        try:
            return chunk_data_of(self._chunk)
        except (InputError, DataError) as error:
            raise RecordingError(f"an item of node {self.node_id!r}: {error}") from error

    @cached_property
    def _chunk(self) -> DataChunk:
        try:
            return Codec().decode(self.body, DataChunk)
        except DecodeError as error:
            raise RecordingError(f"an item of node {self.node_id!r}: {error}") from error


def topic_of(node_id: str, side: Side) -> str:
    """Return the topic of a node's items."""
    return f"/{side.value}/{node_id}"


def node_and_side(topic: str) -> tuple[str, Side] | None:
    """Return what a topic stands for; None for one that is not ours."""
    parts = topic.split("/")
    if len(parts) != 3 or parts[0] or parts[1] not in {side.value for side in Side}:
        return None
    return parts[2], Side(parts[1])
