"""What a session needs of the machine, computed from its plan before anything is opened."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from ..links import INLET
from ..plan import Plan
from .readers import nodes_behind_sockets, nodes_on_machine

# File descriptors that the server opens for a session, as counted with iceoryx2 0.10. A test
# compares the sum with what sessions of every form really open.
_PER_SESSION: Final = 4  # the session's membership in its domain of shared memory
_PER_CHANNEL: Final = 2
_PER_DOORBELL: Final = 4  # both pipes; those of a node process are closed when it has them
_PER_WRITER: Final = 5  # where the server is the producer
_PER_READER: Final = 3  # where the server is the reader
_PER_SOCKET_NODE: Final = 2  # for control, and for signs of life
_PER_SOCKET_WRITER: Final = 1
_PER_SOCKET_READER: Final = 2  # and what stands for it before it is connected
_PER_PROCESS: Final = 6  # two sockets and a pipe; its own ends are closed when it has them


@dataclass(frozen=True, slots=True)
class Demand:
    """Resources of a session.

    Attributes:
        processes: of its nodes.
        descriptors: file descriptors of the server, at most at once.
    """

    processes: int
    descriptors: int = 0


def demand_of(plan: Plan) -> Demand:
    """Return what a session with this plan needs."""
    return Demand(plan.process_count, _descriptors(plan))


def queue_bytes(plan: Plan) -> int:
    """Return the bytes that may wait on each link, so that all links in the server fit the budget.

    The links through shared memory share the same budget among themselves when they are opened.
    """
    elsewhere = nodes_on_machine(plan)
    queues = sum(
        producer not in elsewhere and reader not in elsewhere
        for producer, readers in _links(plan)
        for reader in readers
    )
    settings = plan.settings.values
    return max(
        1, min(settings.channel_bytes, settings.shared_memory_budget_bytes // max(queues, 1))
    )


def _socket_descriptors(plan: Plan) -> int:
    """Return what the links of nodes behind sockets take: one each, if an end is in the server."""
    executors = nodes_behind_sockets(plan)
    count = len(executors) * _PER_SOCKET_NODE
    for producer, readers in _links(plan):
        for reader in readers:
            if executors.get(producer) == executors.get(reader):
                continue  # none is behind a socket, or they reach each other
            if producer in executors:
                count += _PER_SOCKET_READER
            if reader in executors:
                count += _PER_SOCKET_WRITER
    return count


def _links(plan: Plan) -> list[tuple[str, list[str]]]:
    """Return the producer and the readers of every link, those of the session included."""
    links: list[tuple[str, list[str]]] = [(INLET, [str(node.node_id)]) for node in plan.nodes]
    links += [
        (str(node.node_id), list(map(str, node.local_outputs)) or [INLET]) for node in plan.nodes
    ]
    return links


def _descriptors(plan: Plan) -> int:
    elsewhere = nodes_on_machine(plan)
    count = plan.process_count * _PER_PROCESS + _socket_descriptors(plan)
    server_readers: Counter[str] = Counter()
    channels = 0
    for producer, targets in _links(plan):
        readers = [each for each in targets if producer in elsewhere or each in elsewhere]
        if not readers:
            continue  # a queue in the server
        channels += 1
        here = [reader for reader in readers if reader not in elsewhere]
        server_readers.update(here)
        count += _PER_CHANNEL + len(readers) * _PER_DOORBELL + len(here) * _PER_READER
        count += 0 if producer in elsewhere else _PER_WRITER
    # A node of the server that reads several channels waits on one epoll descriptor more.
    count += sum(1 for readers in server_readers.values() if readers > 1)
    return count + (_PER_SESSION if channels else 0)
