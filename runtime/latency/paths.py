"""Puts together what a session and its nodes record, to the way of each result."""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from .hop import Hop
from .parts import ResultLatency, Stay

# Of each node, the last so many outputs. A result whose way goes further back is incomplete.
_MOST_HOPS: Final = 4096
_MOST_ENTRIES: Final = 4096
_MOST_RESULTS: Final = 4096

_Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A result as the session's client received it."""

    source: str
    source_number: int
    key: _Key
    free_ns: int
    end_ns: int


class PathAssembly:
    """Finds the way of results, from the client back to the client.

    What node processes record arrives later than the results, so results wait here. All that is
    kept is bounded.

    Attributes:
        incomplete: results whose way was not found.

    Args:
        producers: for each node, the nodes that it reads from.
        sources: nodes that generate items.
        epoch_ns: when the monotonic clock was 0, in nanoseconds since 1970.
    """

    def __init__(
        self,
        producers: Mapping[str, Collection[str]],
        epoch_ns: int = 0,
        *,
        sources: Collection[str] = (),
    ) -> None:
        self.incomplete = 0
        self._epoch_ns = epoch_ns
        self._producers = producers
        self._sources = sources
        self._hops: dict[str, OrderedDict[int, Hop]] = {node: OrderedDict() for node in producers}
        self._entries: OrderedDict[tuple[str, _Key], int] = OrderedDict()
        self._arrivals: deque[_Arrival] = deque()

    def enter(self, node_id: str, sequence: int, entered_ns: int, sent_ns: int) -> None:
        """Add a chunk, which is on the inlet of a node since `sent_ns`."""
        self._entries[node_id, (sequence, entered_ns)] = sent_ns
        if len(self._entries) > _MOST_ENTRIES:
            self._entries.popitem(last=False)

    def add(self, node_id: str, hops: Collection[Hop]) -> None:
        """Add hops of a node."""
        known = self._hops[node_id]
        for hop in hops:
            known[hop.number] = hop
        while len(known) > _MOST_HOPS:
            known.popitem(last=False)

    def arrive(
        self,
        source: str,
        source_number: int,
        *,
        sequence: int,
        entered_ns: int,
        free_ns: int,
        end_ns: int,
    ) -> None:
        """Add a result.

        Args:
            source: the sink.
            source_number: its place among all that came from that sink.
            sequence: of the chunk that the result came from.
            entered_ns: of that chunk.
            free_ns: when the client began to wait for it.
            end_ns: when the client had it.
        """
        arrival = _Arrival(source, source_number, (sequence, entered_ns), free_ns, end_ns)
        self._arrivals.append(arrival)
        if len(self._arrivals) > _MOST_RESULTS:
            self._arrivals.popleft()
            self.incomplete += 1

    @property
    def waiting(self) -> int:
        """How many results wait for the rest of their way."""
        return len(self._arrivals)

    def take(self, before_ns: int) -> list[ResultLatency]:
        """Return the results whose ways are complete, in the order of their arrival.

        Args:
            before_ns: results that arrived before, and whose ways are not complete, are given up.
        """
        found: list[ResultLatency] = []
        waiting: deque[_Arrival] = deque()
        for arrival in self._arrivals:
            result = self._result(arrival)
            if result is not None:
                found.append(result)
            elif arrival.end_ns < before_ns:
                self.incomplete += 1
            else:
                waiting.append(arrival)
        self._arrivals = waiting
        return found

    def _result(self, arrival: _Arrival) -> ResultLatency | None:
        sequence, entered_ns = arrival.key
        way: deque[tuple[str, Hop]] = deque()
        reader, source, number = "", arrival.source, arrival.source_number
        while source:
            hop = self._hop(reader, source, number, arrival.key)
            if hop is None or len(way) > len(self._producers):
                return None
            way.appendleft((source, hop))
            reader, source, number = source, hop.source, hop.source_number
        is_generated = reader in self._sources
        sent_ns = entered_ns if is_generated else self._entries.get((reader, arrival.key))
        if sent_ns is None:
            return None
        stays = tuple(_stays(entered_ns, sent_ns, way, arrival))
        total_ns = arrival.end_ns - entered_ns
        return ResultLatency(arrival.source, sequence, entered_ns + self._epoch_ns, total_ns, stays)

    def _hop(self, reader: str, source: str, number: int, key: _Key) -> Hop | None:
        """Return the hop that sent what a reader took."""
        if source not in self._hops or (reader and source not in self._producers[reader]):
            return None  # a node process may write anything
        hop = self._hops[source].get(number)
        if hop is None or (hop.sequence, hop.entered_ns) != key:
            return None
        return hop


def _stays(
    entered_ns: int, sent_ns: int, way: Collection[tuple[str, Hop]], arrival: _Arrival
) -> list[Stay]:
    """Return the parts between the entry and the end of a result.

    Each part ends where the next begins, so that their sum is the whole. A time that lies before
    the one before it, such as that of a reader that takes an item before its producer returns from
    sending it, takes its part back to nothing.
    """
    clock = _Clock(entered_ns, arrival.end_ns)
    parts: defaultdict[str, int] = defaultdict(int)
    stays: list[Stay] = []
    node_id = ""
    for reader, hop in (*way, ("", None)):
        free_ns, taken_ns = (
            (arrival.free_ns, arrival.end_ns) if hop is None else (hop.free_ns, hop.taken_ns)
        )
        parts["send"] += clock.advance(min(sent_ns, taken_ns))
        stays.append(Stay(node_id, **parts))
        parts.clear()
        node_id = reader
        parts["queue"] = clock.advance(min(free_ns, taken_ns))
        parts["wire"] = clock.advance(taken_ns)
        if hop is not None:
            inside = clock.advance(hop.emitted_ns)
            parts["send"] = min(hop.blocked_ns, inside)
            parts["process"] = min(hop.busy_ns, inside - parts["send"])
            parts["hold"] = inside - parts["send"] - parts["process"]
            sent_ns = hop.sent_ns
    stays.append(Stay(node_id, **parts))
    return stays


class _Clock:
    """Goes from the entry of a chunk to the end of its result, and never back."""

    def __init__(self, begin_ns: int, end_ns: int) -> None:
        self._now_ns = begin_ns
        self._end_ns = end_ns

    def advance(self, time_ns: int) -> int:
        """Go to a time; return how long that took."""
        time_ns = max(self._now_ns, min(time_ns, self._end_ns))
        passed, self._now_ns = time_ns - self._now_ns, time_ns
        return passed
