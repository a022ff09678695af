"""Labels of exported metrics, within bounds: clients choose the names of pipelines and nodes."""

from dataclasses import dataclass, replace
from typing import Final

from ..errors import printable, shortened

MOST_PIPELINES: Final = 200
"""Names of pipelines that are told apart since the start of the server; all further ones share
the label `OTHER`. Prometheus keeps each combination of labels in memory."""

MOST_NODES: Final = 2000
"""Combinations of node, node type, executor and pipeline that are told apart."""

OTHER: Final = "other"
_MOST_CHARACTERS: Final = 100


@dataclass(frozen=True, slots=True)
class NodeLabels:
    """The labels of a node's metrics. Never a session id: each would be a new series."""

    node: str
    node_type: str
    executor: str
    pipeline: str


@dataclass(frozen=True, slots=True)
class LinkLabels:
    """The labels of a link's metrics; "" is the session itself, as producer and as reader."""

    producer: str
    reader: str
    pipeline: str


class LabelBounds:
    """Assigns labels, and never takes one back: counters must not lose what they have counted.

    Node types and executors are the operator's, so there are few of them.
    """

    def __init__(self, most_pipelines: int = MOST_PIPELINES, most_nodes: int = MOST_NODES) -> None:
        self._most_pipelines = most_pipelines
        self._most_nodes = most_nodes
        self._pipelines: set[str] = set()
        self._nodes: set[NodeLabels] = set()
        self._links: set[LinkLabels] = set()

    def pipeline(self, name: str) -> str:
        """Return the label of a pipeline."""
        label = _text(name)
        if label not in self._pipelines:
            if len(self._pipelines) >= self._most_pipelines:
                return OTHER
            self._pipelines.add(label)
        return label

    def node(self, node: str, node_type: str, executor: str, pipeline: str) -> NodeLabels:
        """Return the labels of a node; `pipeline` is a name, not a label."""
        labels = NodeLabels(_text(node), _text(node_type), _text(executor), self.pipeline(pipeline))
        if labels not in self._nodes:
            if len(self._nodes) >= self._most_nodes or labels.pipeline == OTHER:
                return replace(labels, node=OTHER, pipeline=OTHER)
            self._nodes.add(labels)
        return labels

    def link(self, producer: str, reader: str, pipeline: str) -> LinkLabels:
        """Return the labels of a link; `pipeline` is a name, not a label."""
        labels = LinkLabels(_text(producer), _text(reader), self.pipeline(pipeline))
        if labels not in self._links:
            if len(self._links) >= self._most_nodes or labels.pipeline == OTHER:
                return LinkLabels(OTHER, OTHER, OTHER)
            self._links.add(labels)
        return labels


def _text(name: str) -> str:
    return shortened(printable(name), _MOST_CHARACTERS)
