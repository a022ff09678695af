"""One sentence about the longest part of a latency: what takes so long, and what is the reason."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .parts import Part, Stay

# A node that works so large a part of the time lets items wait however long its queue is.
_FULLY_BUSY: Final = 0.8


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What is known of a node while its session is explained.

    Attributes:
        busy: the part of the time that its actor's code ran, from 0 to 1.
        has_process: whether it has a process of its own.
    """

    busy: float
    has_process: bool


@dataclass(frozen=True, slots=True)
class _Case:
    """What a sentence is about.

    Attributes:
        share: the time of the longest part, and of the whole, as in "38 ms of 61 ms".
        node_id: where it is; empty for the session's client.
        before, after: the nodes before and after it on the way; empty for the client.
    """

    share: str
    node_id: str
    before: str
    after: str
    facts: Mapping[str, NodeFacts]
    channel_capacity: int

    def busy(self, node_id: str) -> float:
        """Return the part of the time that a node's actor works."""
        return self.facts[node_id].busy if node_id in self.facts else 0.0

    def is_busy(self, node_id: str) -> str:
        """Return the statement about that."""
        return f"{node_id} is busy {_percent(self.busy(node_id))}"

    @property
    def busiest(self) -> str:
        """The node that works most."""
        return max(self.facts, key=self.busy, default="")


def diagnose(
    stays: Sequence[Stay],
    node_id: str,
    part: Part,
    facts: Mapping[str, NodeFacts],
    channel_capacity: int,
) -> str:
    """Return a sentence about the longest part of a latency.

    Args:
        stays: the whole way.
        node_id: the node with the longest part; empty for the session's client.
        part: the longest part.
        facts: about each node.
        channel_capacity: of the session's links.
    """
    total_ns = sum(stay.total_ns for stay in stays)
    is_end = part is not Part.SEND  # the client that receives, and not the one that sends
    places = [place for place, stay in enumerate(stays) if stay.node_id == node_id]
    place = places[-1 if is_end else 0]
    case = _Case(
        f"{duration_text(stays[place].part(part))} of {duration_text(total_ns)}",
        node_id,
        stays[place - 1].node_id if place else "",
        stays[place + 1].node_id if place + 1 < len(stays) else "",
        facts,
        channel_capacity,
    )
    return _SENTENCES[part](case)


def _of_queue(case: _Case) -> str:
    if not case.node_id:
        return f"results wait {case.share} for the client, which does not read them as they come"
    what = f"items of {case.before}.out" if case.before else "chunks"
    begin = f"{what} wait {case.share} for {case.node_id}: "
    if case.busy(case.node_id) >= _FULLY_BUSY:
        return begin + f"channel_capacity is not the reason, {case.is_busy(case.node_id)}"
    busy = _percent(case.busy(case.node_id))
    begin += f"{case.node_id} is busy only {busy}, so they come in bursts, or it had to wait itself"
    node = case.facts.get(case.node_id)
    if node is None or node.has_process:
        return begin
    return f"{begin}, or the server's event loop runs other tasks"


def _of_wire(case: _Case) -> str:
    names = [name or "the client" for name in (case.before, case.node_id)]
    begin = f"the link from {names[0]} to {names[1]} takes {case.share}: "
    ends = (case.before, case.node_id)
    if any(case.facts[each].has_process for each in ends if each in case.facts):
        return begin + "it crosses processes, and the one that reads has to wake up"
    return begin + "both are tasks of the server, whose event loop runs others in between"


def _of_hold(case: _Case) -> str:
    return (
        f"{case.node_id} holds items {case.share} while its actor's code does not run: for a "
        "batch, the end of the stream, an intercept, or its event loop"
    )


def _of_process(case: _Case) -> str:
    begin = f"the code of {case.node_id} takes {case.share}"
    if case.busy(case.node_id) >= _FULLY_BUSY:
        return f"{begin}, and {case.is_busy(case.node_id)}: it limits the rate, too"
    return f"{begin}; {case.is_busy(case.node_id)}"


def _of_send(case: _Case) -> str:
    sender = f"outputs of {case.node_id}" if case.node_id else "chunks of the client"
    begin = f"{sender} wait {case.share} for room at {case.after or 'the client'}: "
    busiest = case.busiest
    if busiest and case.busy(busiest) >= _FULLY_BUSY:
        return begin + (
            f"a larger channel_capacity than {case.channel_capacity} would only move the wait, "
            f"{case.is_busy(busiest)}"
        )
    if not case.after:
        return begin + "it does not read results as they come"
    return begin + (
        f"channel_capacity is {case.channel_capacity}, and no node is busy all the time: a larger "
        "one, or a larger shared_memory_budget_bytes, may help"
    )


_SENTENCES: Final[dict[Part, Callable[[_Case], str]]] = {
    Part.QUEUE: _of_queue,
    Part.WIRE: _of_wire,
    Part.HOLD: _of_hold,
    Part.PROCESS: _of_process,
    Part.SEND: _of_send,
}


def _percent(share: float) -> str:
    return f"{round(100 * min(share, 1.0))} %"


def duration_text(nanoseconds: int) -> str:
    """Return a duration with two or three digits.

    >>> duration_text(38_200_000), duration_text(1_234_567), duration_text(45_000)
    ('38 ms', '1.2 ms', '45 us')
    """
    if nanoseconds >= 10_000_000_000:
        return f"{nanoseconds / 1e9:.0f} s"
    if nanoseconds >= 1_000_000_000:
        return f"{nanoseconds / 1e9:.1f} s"
    if nanoseconds >= 10_000_000:
        return f"{nanoseconds / 1e6:.0f} ms"
    if nanoseconds >= 1_000_000:
        return f"{nanoseconds / 1e6:.1f} ms"
    return f"{nanoseconds / 1e3:.0f} us"
