"""What a supervisor and its workers send each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..config import RuntimeConfig
from ..metrics import Snapshot
from ..session import EndedSession


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """The first message to a worker: what it runs with.

    Attributes:
        number: its number, from 0.
        config: the settings, as the supervisor has read them.
        listening: the descriptor of the socket of the gRPC port.
        listening_http: the same of the HTTP port; None where that is off.
    """

    number: int
    config: RuntimeConfig
    listening: int
    listening_http: int | None


@dataclass(frozen=True, slots=True)
class Ready:
    """To the supervisor: the worker accepts calls.

    Attributes:
        peers: the path of the socket at which other workers reach it.
        announced: lines about its HTTP port.
    """

    peers: str
    announced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reserve:
    """To the supervisor: a session asks for a place.

    Attributes:
        number: of the request; the answer and `Release` have it too.
        processes: of the session.
    """

    number: int
    processes: int


@dataclass(frozen=True, slots=True)
class Release:
    """To the supervisor: a session needs its place no longer, or does not wait for one."""

    number: int


@dataclass(frozen=True, slots=True)
class Granted:
    """To a worker: the session has its place."""

    number: int


@dataclass(frozen=True, slots=True)
class Refused:
    """To a worker: the session has no place.

    Attributes:
        message: the reason.
        is_full: whether there may be room later.
    """

    number: int
    message: str
    is_full: bool


@dataclass(frozen=True, slots=True)
class WorkerAddress:
    """A worker that is ready."""

    number: int
    process_id: int
    peers: str


@dataclass(frozen=True, slots=True)
class SharedState:
    """To a worker: what all of them hold of the limits, and which are ready.

    Attributes:
        ended: by outcome, how many sessions of workers that are gone have ended.
    """

    sessions: int
    processes: int
    waiting: int
    workers: tuple[WorkerAddress, ...]
    ended: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Began:
    """To the supervisor: a session has begun.

    Attributes:
        session: as it ends if the worker does.
    """

    session: EndedSession


@dataclass(frozen=True, slots=True)
class Ended:
    """To the supervisor: a session has ended."""

    session: EndedSession


@dataclass(frozen=True, slots=True)
class Ending:
    """To a worker: a session of any worker has ended.

    Attributes:
        number: counts from 1, over all workers.
    """

    number: int
    session: EndedSession


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """To a worker: send your snapshot. Answered by `Taken` with the same number."""

    number: int


@dataclass(frozen=True, slots=True)
class Taken:
    """To the supervisor: the snapshot of the worker."""

    number: int
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Collect:
    """To the supervisor: send the snapshot of all workers, which `Collected` does."""

    number: int


@dataclass(frozen=True, slots=True)
class Collected:
    """To a worker: the snapshot of all workers."""

    number: int
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Ping:
    """To a worker: send `Pong`, as a sign that the event loop runs."""


@dataclass(frozen=True, slots=True)
class Pong:
    """To the supervisor: the event loop of the worker runs."""


@dataclass(frozen=True, slots=True)
class Drain:
    """To a worker: shut down in steps."""


ToSupervisor = Ready | Reserve | Release | Began | Ended | Taken | Collect | Pong
ToWorker = (
    WorkerSpec | Granted | Refused | SharedState | Ending | TakeSnapshot | Collected | Ping | Drain
)
