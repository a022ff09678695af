"""One node of a recording: what a test needs to run it again."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actors import Data

from ..errors import ErrorRecord
from .differences import EXACT, Difference, Tolerance, differences
from .errors import RecordingError
from .recording import Recording, open_recording


@dataclass(frozen=True, slots=True)
class NodeRecording:
    """What one node was given, and what it emitted.

    Attributes:
        params: of the node, as its manifest has them.
        inputs: the items that it received, in order.
        outputs: the items that it emitted, in order.
        error: the error of this node that ended the session; None if it did not fail.
    """

    node_id: str
    params: Mapping[str, Any]
    inputs: Sequence[Data]
    outputs: Sequence[Data]
    error: ErrorRecord | None

    def check(self, outputs: Iterable[Data], tolerance: Tolerance = EXACT) -> None:
        """Check that new outputs are as the recorded ones.

        Raises:
            AssertionError: they are not; its text has every difference.
        """
        found = self.differences(outputs, tolerance)
        if found:
            raise AssertionError("\n".join(map(str, found)))

    def differences(
        self, outputs: Iterable[Data], tolerance: Tolerance = EXACT
    ) -> list[Difference]:
        """Return how new outputs differ from the recorded ones."""
        return differences(self.node_id, self.outputs, list(outputs), tolerance)


def node_recording(recording: Recording, node: str) -> NodeRecording:
    """Return one node of a recording.

    Raises:
        RecordingError: the pipeline has no such node, or what it received was not recorded.
    """
    error = recording.error
    return NodeRecording(
        node,
        params_of(recording, node),
        [item.data for item in recording.received(node)],
        [item.data for item in recording.outputs(node)],
        error if error is not None and error.node_id == node else None,
    )


def recorded_node(path: str | os.PathLike[str]) -> NodeRecording:
    """Return the node of a recording of one node, as `write_node_test` makes them.

    Raises:
        RecordingError: the file cannot be read, or has several nodes.
    """
    recording = open_recording(path)
    nodes = [str(node["id"]) for node in recording.manifest["nodes"]]
    if len(nodes) != 1:
        raise RecordingError(f"{path}: has {len(nodes)} nodes; expected a recording of one")
    return node_recording(recording, nodes[0])


def params_of(recording: Recording, node: str) -> Mapping[str, Any]:
    """Return a node's params.

    Raises:
        RecordingError: the pipeline has no such node, or its params cannot be read.
    """
    params = recording.node(node).get("params") or {}
    if isinstance(params, str):
        import json

        try:
            params = json.loads(params)
        except ValueError as error:
            raise RecordingError(f"{recording.path}: the params of {node!r} are no JSON") from error
    found: Mapping[str, Any] = params
    return found
