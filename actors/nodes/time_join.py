"""TimeJoinNode."""

from bisect import bisect_left
from collections.abc import AsyncIterator
from typing import Annotated, Final, Self

from pydantic import model_validator

from ..actor import Actor
from ..data import Bundle, Control, Data
from ..errors import DataError
from ..kinds import ANY_KIND, Kind
from ..params import Field, Params
from ..timestamped import Timestamped
from ._held_items import MOST_HELD_BYTES, HeldItems

_CLIENT: Final = "client"
# Items of the reference that are compared before other tasks run: with 100 inputs, 10 ms.
_COMPARED: Final = 20


NodeName = Annotated[str, Field(max_length=1000, json_schema_extra={"format": "input-id"})]


class TimeJoinParams(Params):
    """The inputs of TimeJoinNode."""

    inputs: list[NodeName] = Field(
        [],
        max_length=100,
        description="ids of the nodes to join, the reference first; client for the session's "
        "client. Empty: all nodes, in the order in which their first items arrive",
    )
    tolerance_ms: int = Field(
        50, ge=0, le=86_400_000, description="ms by which the timestamps may differ"
    )
    max_waiting: int = Field(
        100, ge=1, le=10_000, description="items of one input that wait for the others at most"
    )
    count: int = Field(2, ge=2, le=100, description="number of nodes to join, if inputs is empty")

    @model_validator(mode="after")
    def _inputs_differ(self) -> Self:
        if len(set(self.inputs)) != len(self.inputs) or len(self.inputs) == 1:
            raise ValueError("inputs must name at least two nodes, and none of them twice")
        return self


class TimeJoinNode(Actor[TimeJoinParams]):
    """Join items of several nodes by their timestamps, within a tolerance.

    In: any kind but bundles. Out: one bundle for each item of the reference that has a match in
    every other input: the item of the nearest timestamp, which is in no other bundle. Its members
    have the ids of the nodes as names; its timestamp is that of the reference's item. Items without
    a match are dropped.

    The items of each input must come in the order of their timestamps. A bundle is emitted when
    every input has an item of that time or later, or at the end of the stream. While one input has
    none, at most max_waiting items of each other one wait, and 256 MiB of all together; then the
    oldest is dropped.
    """

    accepts = ANY_KIND - {Kind.BUNDLE, Kind.CONTROL}
    produces = frozenset({Kind.BUNDLE})

    def initialize(self) -> None:
        """Start without items."""
        self._held = {name: HeldItems() for name in self.params.inputs}
        self.dropped = 0

    async def process(self, item: Data) -> AsyncIterator[Timestamped]:
        """Yield the bundles that an item completes.

        Raises:
            DataError: it comes from a node that is not to be joined.
        """
        held = self._held_of(self.context.source or _CLIENT)
        held.append((self.context.timestamp_ms, item))
        async for bundle in self._joined(at_end=False):
            yield bundle
        if len(held) > self.params.max_waiting:
            held.popleft()
            self._note_dropped()
        while sum(each.held_bytes for each in self._held.values()) > MOST_HELD_BYTES:
            max(self._held.values(), key=lambda each: each.held_bytes).popleft()
            self._note_dropped()

    def on_control(self, control: Control) -> None:
        """Drop the items that a CancelSpeculation covers."""
        for held in self._held.values():
            held.drop_cancelled(control)

    async def flush(self) -> AsyncIterator[Timestamped]:
        """Yield the bundles that are left."""
        async for bundle in self._joined(at_end=True):
            yield bundle
        for held in self._held.values():
            held.clear()

    def _held_of(self, source: str) -> HeldItems:
        if source not in self._held:
            if self.params.inputs:
                names = ", ".join(self.params.inputs)
                raise DataError(f"an item came from {source!r}; the param inputs has {names}")
            if len(self._held) == self.params.count:
                names = ", ".join(self._held)
                raise DataError(
                    f"an item came from {source!r}, after those of {names}; the param count is "
                    f"{self.params.count}"
                )
            self._held[source] = HeldItems()
        return self._held[source]

    async def _joined(self, *, at_end: bool) -> AsyncIterator[Timestamped]:
        import trio

        expected = len(self.params.inputs) or self.params.count
        if len(self._held) < expected:
            return
        name, *others = self._held
        reference = self._held[name]
        compared = 0
        while reference:
            compared += 1
            if compared % _COMPARED == 0:
                await trio.lowlevel.checkpoint()
            timestamp_ms, item = reference[0]
            matches = {other: self._match(other, timestamp_ms, at_end) for other in others}
            if None in matches.values():
                return  # an item that is nearer may come
            reference.popleft()
            found = {other: match for other, match in matches.items() if match is not None}
            if any(place < 0 for place in found.values()):
                continue
            members = {name: item}
            for other, place in found.items():
                members[other] = self._held[other][place][1]
                for _ in range(place + 1):
                    self._held[other].popleft()
            yield Timestamped(Bundle(members), timestamp_ms)

    def _match(self, name: str, timestamp_ms: int, at_end: bool) -> int | None:
        """Return the place of the item nearest to a time; -1 for none, None if it may yet come."""
        held = self._held[name]
        earliest = timestamp_ms - self.params.tolerance_ms
        while held and held[0][0] < earliest:
            held.popleft()  # later items of the reference are farther from it
        if not at_end and (not held or held[-1][0] < timestamp_ms):
            return None
        later = bisect_left(held, timestamp_ms, key=lambda each: each[0])
        nearest = min(
            range(max(later - 1, 0), min(later + 1, len(held))),
            key=lambda place: abs(held[place][0] - timestamp_ms),
            default=-1,
        )
        if nearest < 0 or abs(held[nearest][0] - timestamp_ms) > self.params.tolerance_ms:
            return -1
        return nearest

    def _note_dropped(self) -> None:
        self.dropped += 1
        if self.dropped == 1:
            self.context.log.warning(
                "more than %d items of one input, or %d bytes of all, wait for the others: "
                "the oldest are dropped",
                self.params.max_waiting,
                MOST_HELD_BYTES,
            )
