"""What the runtime's test kit gives: the runtime implements it, authors use it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ..actor import Actor
from ..context import Progress
from ..data import Data

ExecutorName = Literal["native", "multiprocess"]
"""Where an actor runs: as a task of this process, or in a process of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """One output of a pipeline under test.

    Attributes:
        node: the id of the node that gave it.
        data: the item.
        sequence: of the item that it came from.
        timestamp_ms: of that item, in milliseconds.
    """

    node: str
    data: Data
    sequence: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Violation:
    """A part of the contract that an actor does not keep.

    Attributes:
        check: the name of the check that found it, such as "immutable-inputs".
        message: what the actor did, and what to do about it.
    """

    check: str
    message: str

    def __str__(self) -> str:
        """Return both, as one line."""
        return f"{self.check}: {self.message}"


class Recorded(Protocol):
    """What a run has seen so far.

    Attributes:
        outputs: everything that the sinks gave, in the order of arrival.
        progress: the reports of each node's initialization, by node id.
        copies: arrays that had to be copied at a border, because a node kept too many that it
            borrowed or did not fill a loan; of a node with a process of its own after `end`.
    """

    @property
    def outputs(self) -> Sequence[Received]:
        """Everything that the sinks gave."""

    @property
    def progress(self) -> Mapping[str, Sequence[Progress]]:
        """The reports of each node's initialization."""

    @property
    def copies(self) -> int:
        """Arrays that had to be copied at a border."""


class Run(Recorded, Protocol):
    """A running actor or pipeline, for a test without an event loop.

    When a node fails, the call that waits for it raises the runtime's error, a HookError or another
    NodeError, with `node_id`; if none waited by then, leaving the block does.
    """

    def send(
        self,
        *items: Data,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        """Send items in, without waiting for what becomes of them.

        Args:
            items: one after the other.
            node: where they enter; every source by default.
            sequence: of the first; counted up from the last one by default.
            timestamp_ms: of all of them, in milliseconds.
        """

    def feed(
        self,
        *items: Data,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
    ) -> list[Data]:
        """Send items in, wait until every node is done with them, and return what came out.

        What an earlier `send` gave, and nobody has taken yet, comes first.
        """

    def take(self) -> list[Data]:
        """Return what has come out since the last call that returned outputs."""

    def end(self) -> list[Data]:
        """End the stream: let every node flush and clean up, and return what still came out."""

    def advance(self, seconds: float) -> list[Data]:
        """Let time pass, and return what came out.

        Virtual time passes at once. A process of its own has a real clock, and so has a run
        without `virtual_time`: there this waits.
        """


class AsyncRun(Recorded, Protocol):
    """The same for a test that is async, on trio or asyncio."""

    async def send(
        self,
        *items: Data,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
    ) -> None:
        """Send items in, without waiting for what becomes of them."""

    async def feed(
        self,
        *items: Data,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
    ) -> list[Data]:
        """Send items in, wait until every node is done with them, and return what came out."""

    def take(self) -> list[Data]:
        """Return what has come out since the last call that returned outputs."""

    async def end(self) -> list[Data]:
        """End the stream: let every node flush and clean up, and return what still came out."""

    async def advance(self, seconds: float) -> list[Data]:
        """Let time pass, and return what came out."""


class Harness(AbstractContextManager[Run], AbstractAsyncContextManager[AsyncRun], Protocol):
    """A pipeline that runs as long as a `with` or an `async with` block.

    Entering waits until every node is ready, and raises what its initialization raised. Leaving
    before `end` cancels what still runs.
    """


class Kit(Protocol):
    """What a runtime offers for tests, as an entry point in the group `millrace.testing`."""

    def harness(
        self,
        actors: Mapping[str, tuple[type[Actor[Any]], Mapping[str, Any]]],
        connections: Sequence[tuple[str, str]],
        *,
        executor: ExecutorName,
        virtual_time: bool,
    ) -> Harness:
        """Return a harness of these nodes: id -> class and params."""

    def find_violations(
        self,
        actor: type[Actor[Any]],
        params: Mapping[str, Any],
        samples: Sequence[Data],
        *,
        executor: ExecutorName,
        skip: frozenset[str],
        seconds: float,
    ) -> tuple[Violation, ...]:
        """Try the contract on an actor, and return what it does not keep."""
