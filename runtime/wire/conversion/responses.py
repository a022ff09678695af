"""Conversion of responses: results and progress, to messages of the contract and back."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from actors import Bundle, Data

from ...errors import InputError
from ...events import InitProgress, Result
from .. import ChunkResult, DataBuffer, InitProgressUpdate
from .incoming import data_of

MEMBER_KEY: Final = "port"
"""The metadata entry with the name of an item in the bundle that it was part of."""

_MOST_MEMBERS: Final = 1024
_LONGEST_SECONDS: Final = 1e9


def items_of(data: Data) -> Iterable[Data]:
    """Return the items that an output is on the wire: the members of a bundle, one by one."""
    if isinstance(data, Bundle):
        return [member.with_metadata(**{MEMBER_KEY: name}) for name, member in data.members.items()]
    return (data,)


def result_message(result: Result, buffer: DataBuffer, total_items: int) -> ChunkResult:
    """Return the message of a result.

    Args:
        result: the result; its data may be a bundle.
        buffer: of the data, or of one of its members.
        total_items: how many items the session has received.
    """
    bundle = result.data if isinstance(result.data, Bundle) else None
    return ChunkResult(
        sequence=result.sequence,
        data_outputs={result.node_id: buffer},
        processing_time_ms=1000 * result.latency_seconds,
        total_items_processed=total_items,
        timestamp_ms=result.timestamp_ms,
        bundle_size=0 if bundle is None else len(bundle.members),
        bundle_metadata={} if bundle is None else dict(bundle.metadata),
    )


def results_of(message: ChunkResult) -> Iterator[Result]:
    """Yield the results of a message, a member of a bundle as such: see `BundleBuilder`.

    Older servers send no timestamp: it is 0 then.

    Raises:
        InputError: a buffer is not valid.
    """
    latency_seconds = message.processing_time_ms / 1000
    if not 0 <= latency_seconds < _LONGEST_SECONDS:
        raise InputError(f"processing_time_ms is {message.processing_time_ms}")
    if len(message.data_outputs) > _MOST_MEMBERS:
        raise InputError(f"{len(message.data_outputs)} outputs; the most are {_MOST_MEMBERS}")
    for node_id, buffer in message.data_outputs.items():
        data = data_of(buffer, f"data_outputs[{node_id!r}]")
        yield Result(node_id, data, message.sequence, message.timestamp_ms, latency_seconds)


class BundleBuilder:
    """Puts the bundles of a stream together again, whose members come one after the other."""

    def __init__(self) -> None:
        self._size = 0
        self._first: Result | None = None
        self._members: dict[str, Data] = {}

    def add(
        self, result: Result, bundle_size: int, metadata: Mapping[str, str] = MappingProxyType({})
    ) -> Result | None:
        """Return a result that is complete; None if more members of its bundle have to come.

        Args:
            result: an item, or the next member of a bundle.
            bundle_size: the number of the bundle's members; 0 for an item.
            metadata: of the bundle.

        Raises:
            InputError: the members of a bundle do not come together, or not each once.
        """
        if self._first is None:
            if not bundle_size:
                return result
            if bundle_size > _MOST_MEMBERS:
                raise InputError(f"a bundle of {bundle_size} members; the most are {_MOST_MEMBERS}")
            self._first, self._size = result, bundle_size
        first, name = self._first, result.data.metadata.get(MEMBER_KEY, "")
        belongs = (result.node_id, result.sequence) == (first.node_id, first.sequence)
        if bundle_size != self._size or not belongs or not name or name in self._members:
            raise InputError("the members of a bundle do not come together, or not each once")
        self._members[name] = result.data.without_metadata(MEMBER_KEY)
        if len(self._members) < self._size:
            return None
        members, self._members, self._first = self._members, {}, None
        return msgspec.structs.replace(first, data=Bundle(members, metadata=dict(metadata)))


def progress_message(progress: InitProgress) -> InitProgressUpdate:
    """Return the message of a node's progress."""
    return InitProgressUpdate(
        node_id=progress.node_id,
        status=progress.status,
        progress=progress.fraction,
        message=progress.message,
    )


def progress_of(message: InitProgressUpdate) -> InitProgress:
    """Return the progress of a message."""
    return InitProgress(message.node_id, message.status, message.progress, message.message)
