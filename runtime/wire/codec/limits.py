"""How much one message may hold: counted while it is read, before objects are made of it.

A message of 64 MiB can hold 30 million fields of two bytes. Reading those would block the event
loop for half a minute, and take gigabytes. A limit of bytes does not help: a large payload is one
field.
"""

from typing import Final

from ...config import MOST_CONNECTIONS, MOST_NODES
from .. import (
    DataBuffer,
    DataChunk,
    ExecuteRequest,
    MultiprocessConfig,
    NodeManifest,
    NumpyBuffer,
    PipelineManifest,
    StreamInit,
    TensorBuffer,
)

MOST_FIELDS: Final = 150_000
"""Of one message, with all that is nested in it, unknown fields and list members included.

The largest manifest, with every field of its nodes and connections set and an input for each node,
has 100,019.
"""

MOST_ENTRIES: Final = 1_000
"""Of one map."""

MOST_NUMBERS: Final = 100
"""Of one list of numbers or enum members. No array has more than 64 dimensions."""

MOST_VALUES: Final[dict[tuple[type, str], int]] = {
    (DataBuffer, "metadata"): MOST_ENTRIES,
    (DataChunk, "bundle_metadata"): MOST_ENTRIES,
    (DataChunk, "named_buffers"): MOST_ENTRIES,
    (ExecuteRequest, "data_inputs"): MOST_ENTRIES,
    (MultiprocessConfig, "executor_overrides"): MOST_NODES,
    (NodeManifest, "input_types"): MOST_NUMBERS,
    (NodeManifest, "output_types"): MOST_NUMBERS,
    (NumpyBuffer, "shape"): MOST_NUMBERS,
    (NumpyBuffer, "strides"): MOST_NUMBERS,
    (PipelineManifest, "connections"): MOST_CONNECTIONS,
    (PipelineManifest, "nodes"): MOST_NODES,
    (StreamInit, "data_inputs"): MOST_ENTRIES,
    (TensorBuffer, "shape"): MOST_NUMBERS,
}
"""The most values of each list and map that clients send. What servers send has no such limit: the
outputs of a long run are that many."""
