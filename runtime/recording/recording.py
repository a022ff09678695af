"""Reads a recording."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from ..errors import ErrorRecord
from .errors import RecordingError
from .file_writer import END, MANIFEST
from .items import RecordedItem, Side, node_and_side
from .mcap_library import mcap_module

# A file may come from anywhere: no record of ours is longer than this.
_MOST_RECORD_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that was opened. Iterate over it for its items, in the order of their times.

    Attributes:
        path: the file.
        session_id: the session's id.
        pipeline: the name of its manifest.
        manifest: the manifest, as a JSON object.
        targets: node id -> "module:Class" of its actor.
        executors: node id -> the executor that ran it.
        end: how the session ended: "state", "items", "lost", "stopped", "error"; empty where the
            recording process was killed.
    """

    path: Path
    session_id: str
    pipeline: str
    manifest: Mapping[str, Any]
    targets: Mapping[str, str]
    executors: Mapping[str, str]
    end: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether the file was closed, rather than cut off by a kill."""
        return bool(self.end)

    @property
    def lost(self) -> int:
        """How many items the recording lost because they came faster than it could write."""
        return int(self.end.get("lost", "0"))

    @property
    def error(self) -> ErrorRecord | None:
        """The error that ended the session; None if it did not fail."""
        text = self.end.get("error", "")
        try:
            return msgspec.json.decode(text, type=ErrorRecord) if text else None
        except (msgspec.MsgspecError, RecursionError):  # of a file that others wrote
            return ErrorRecord(message="an error that cannot be read")

    def __iter__(self) -> Iterator[RecordedItem]:
        """Iterate over the items, as far as the file is complete.

        Raises:
            RecordingError: the file is damaged.
        """
        channels: dict[int, tuple[str, Side]] = {}
        for record in _records(self.path):
            name = type(record).__name__
            if name == "Channel":
                known = node_and_side(record.topic)
                if known is not None:
                    channels[record.id] = known
            elif name == "Message" and record.channel_id in channels:
                node, side = channels[record.channel_id]
                yield RecordedItem(node, side, record.data, record.log_time, record.publish_time)

    def inputs(self) -> list[RecordedItem]:
        """Return what entered the session."""
        return sorted((item for item in self if item.side is Side.INPUT), key=_time_of)

    def outputs(self, node: str) -> list[RecordedItem]:
        """Return what a node emitted."""
        return [item for item in self if item.side is Side.OUTPUT and item.node_id == node]

    def received(self, node: str) -> list[RecordedItem]:
        """Return what a node received: from outside, and from the nodes that it reads.

        Raises:
            RecordingError: the pipeline has no such node, or the outputs of a node that it reads
                were not recorded.
        """
        self.node(node)
        producers = {
            each["from"] for each in self.manifest.get("connections", ()) if each["to"] == node
        }
        items = [
            item
            for item in self
            if (item.side is Side.INPUT and item.node_id == node)
            or (item.side is Side.OUTPUT and item.node_id in producers)
        ]
        # Items of a node process come to the file later than those of the server.
        items.sort(key=_time_of)
        recorded = {item.node_id for item in self if item.side is Side.OUTPUT}
        missing = sorted(producers - recorded)
        if missing and not items:
            raise RecordingError(
                f"{self.path}: the outputs of {missing[0]!r}, which node {node!r} reads, were not "
                "recorded; record all nodes"
            )
        return items

    def node(self, node: str) -> Mapping[str, Any]:
        """Return a node of the manifest.

        Raises:
            RecordingError: the pipeline has no such node.
        """
        nodes = {each["id"]: each for each in self.manifest["nodes"]}
        if node not in nodes:
            raise RecordingError(
                f"{self.path}: the pipeline has no node {node!r}; it has {', '.join(nodes)}"
            )
        found: Mapping[str, Any] = nodes[node]
        return found

    def metadata_with(self, manifest: Mapping[str, Any], node: str) -> dict[str, str]:
        """Return the metadata of a recording of one node of this one."""
        return {
            "session_id": self.session_id,
            "pipeline": self.pipeline,
            "manifest": json.dumps(manifest),
            "targets": json.dumps({node: self.targets[node]}),
            "executors": json.dumps({node: self.executors.get(node, "native")}),
        }

    def counts(self) -> Counter[tuple[str, Side]]:
        """Return how many items each node received from outside and emitted."""
        return Counter((item.node_id, item.side) for item in self)


def _time_of(item: RecordedItem) -> int:
    return item.time_ns


def open_recording(path: str | os.PathLike[str]) -> Recording:
    """Read the head and the end of a recording.

    Raises:
        RecordingError: the file cannot be read, or is no recording of ours.
    """
    start: dict[str, str] | None = None
    end: dict[str, str] = {}
    for record in _records(Path(path)):
        if type(record).__name__ == "Metadata":
            if record.name == MANIFEST:
                start = record.metadata
            elif record.name == END:
                end = record.metadata
    if start is None:
        raise RecordingError(f"{path}: is no recording of a session: it has no manifest")
    try:
        return Recording(
            Path(path),
            start["session_id"],
            start["pipeline"],
            manifest=json.loads(start["manifest"]),
            targets=json.loads(start["targets"]),
            executors=json.loads(start["executors"]),
            end=end,
        )
    except (KeyError, ValueError, RecursionError) as error:
        raise RecordingError(f"{path}: its manifest cannot be read") from error


def _records(path: Path) -> Iterator[Any]:
    """Yield the records of an MCAP file up to its end, or to where it was cut off."""
    library, exceptions = mcap_module("stream_reader"), mcap_module("exceptions")
    try:
        with open(path, "rb") as file:
            reader = library.StreamReader(file, record_size_limit=_MOST_RECORD_BYTES)
            try:
                yield from reader.records
            except exceptions.EndOfFile:
                return  # the recording process was killed: what it wrote is there
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror or error}") from error
    except RecordingError:
        raise
    except Exception as error:
        # The library has no common class: struct, zlib and zstandard raise their own.
        raise RecordingError(f"{path}: is damaged, or no MCAP file") from error
