"""Checks of chunks before they enter a session."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from actors import Audio, Bundle, Control, Data, File

from ..config import ResourceLimits
from ..documents import did_you_mean
from ..errors import InputError, InputKindError, LimitError, UnknownNodeError
from ..links import is_reserved
from ..plan import Plan

_MOST = 2**64 - 1


@dataclass(frozen=True, slots=True)
class SessionBounds:
    """Limits of a session, and the files that it may read.

    Attributes:
        file_roots: folders in which the files that a chunk names must lie.
    """

    limits: ResourceLimits
    file_roots: tuple[str, ...] = ()


class InputChecker:
    """Checks each chunk, and counts what the session's limits bound.

    Attributes:
        generating: the sources that generate items, which no chunk enters.
    """

    def __init__(self, plan: Plan, bounds: SessionBounds) -> None:
        self._sources = plan.sources
        self._entries = plan.entries
        self.generating = frozenset(map(str, plan.generating))
        self._accepts = {str(node.node_id): node.accepts for node in plan.nodes}
        self._limits = bounds.limits
        self._file_roots = [os.path.realpath(root) for root in bounds.file_roots]
        self._audio_samples = 0

    def targets(self, node: str | None, data: Data | None = None) -> Sequence[str]:
        """Return the nodes that a chunk enters; None means the source nodes.

        Sources that generate items get control messages only.

        Raises:
            UnknownNodeError: the pipeline has no such node.
            InputError: every source generates items.
        """
        if node is None:
            if isinstance(data, Control):
                return self._sources
            if not self._entries:
                raise InputError(
                    "the pipeline takes no input, since its sources generate items: "
                    f"{', '.join(self._sources)}; name the node that the chunk enters"
                )
            return self._entries
        if node not in self._accepts:
            hint = did_you_mean(node, self._accepts, or_else="it has")
            raise UnknownNodeError(f"the pipeline has no node {node!r}; {hint}")
        return (node,)

    def admit(
        self, data: Data, targets: Sequence[str], *, sequence: int, timestamp_ms: int
    ) -> Data:
        """Check a chunk, and return it as it enters.

        Raises:
            InputError: not a data item, a number out of range, or a file that is not in a folder
                of the operator's.
            InputKindError: it is of a kind that a target does not take.
            LimitError: it has more audio samples than the session may still take. It takes none of
                them, and goes on.
        """
        if not isinstance(data, Data):
            raise InputError(f"a chunk must be an item of `actors`, got {type(data).__name__}")
        for name, number in (("sequence", sequence), ("timestamp_ms", timestamp_ms)):
            if not 0 <= number <= _MOST:
                raise InputError(f"{name} must be from 0 to 2**64 - 1, got {number}")
        if is_reserved(data):
            raise InputError("the metadata of a control message must not have keys of the runtime")
        for target in targets:
            if isinstance(data, Control):
                break  # every node takes these, and passes them on
            accepts = self._accepts[target]
            if accepts.taken(data) is None:
                raise InputKindError(accepts.refusal(data, ""), node_id=target)
        self._count_samples(data)
        return self._admitted(data, targets[0] if targets else "")

    def _admitted(self, data: Data, node_id: str) -> Data:
        if isinstance(data, File) and data.path:
            return self._within_roots(data, node_id)
        if isinstance(data, Bundle):
            members = {
                port: self._admitted(member, node_id) for port, member in data.members.items()
            }
            if any(member is not data[port] for port, member in members.items()):
                return replace(data, members=members)
        return data

    def _within_roots(self, data: File, node_id: str) -> File:
        """Return the file with its path resolved, so that no link or `..` leads elsewhere later."""
        try:
            path = os.path.realpath(data.path)
        except ValueError as error:  # a null character
            raise InputError(
                f"the path {data.path!r} is not valid: {error}", node_id=node_id
            ) from error
        if not any(os.path.commonpath([root, path]) == root for root in self._file_roots):
            raise InputError(
                f"the file {data.path!r} is not in a folder that the operator allows "
                "(runtime.toml, files.roots)",
                node_id=node_id,
            )
        return replace(data, path=path)

    def take_back(self, data: Data) -> None:
        """Forget a chunk that was admitted and has not entered."""
        self._audio_samples -= _samples_in(data)

    def _count_samples(self, data: Data) -> None:
        most = self._limits.max_audio_samples
        samples = self._audio_samples + _samples_in(data)
        if most and samples > most:
            raise LimitError(
                f"the session may take {most} audio samples (resource_limits.max_audio_samples), "
                f"of all channels together; with this chunk it would be {samples}"
            )
        self._audio_samples = samples


def _samples_in(data: Data) -> int:
    if isinstance(data, Audio):
        return data.samples.size
    if isinstance(data, Bundle):
        return sum(_samples_in(member) for member in data.members.values())
    return 0
