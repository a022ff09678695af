"""The interface between authors' tests and a runtime's test kit, which implements it."""

from collections.abc import Awaitable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from ..actor import Actor
from ..context import Progress
from ..data import Data

ExecutorName = Literal["native", "multiprocess", "shared"]
"""How an actor is run: as a task of the test's process, in a node process, or in a batched host."""

Sent = TypeVar("Sent", covariant=True)
Outputs = TypeVar("Outputs", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """One output of a pipeline under test.

    Attributes:
        node: the id of the sink that emitted it.
        data: the item.
        sequence: of the chunk that it came from.
        timestamp_ms: of that chunk, in milliseconds.
    """

    node: str
    data: Data
    sequence: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of the contract that an actor breaks.

    Attributes:
        check: the name of the check that found it, such as "immutable-inputs".
        message: what the actor does, and how to correct it.
    """

    check: str
    message: str

    def __str__(self) -> str:
        """Return both, as one line."""
        return f"{self.check}: {self.message}"


class PipelineUnderTest(Protocol[Sent, Outputs]):
    """A running actor or pipeline.

    There are two forms: `Run` for a test without an event loop, and `AsyncRun`, where `send`,
    `feed`, `end`, `stop` and `advance` are awaited.

    When a node fails, the call that waits for it raises the runtime's error, a HookError or another
    NodeError, with `node_id`. If no call waits, leaving the block raises it.

    Attributes:
        outputs: everything that the sinks emitted, in order of arrival.
        progress: the progress reports of each node's initialization, by node id.
        copies: arrays that were copied between processes, because a node kept too many borrowed
            ones or did not fill a loan; of a node process, complete after `end`.
    """

    @property
    def outputs(self) -> Sequence[Received]:
        """Everything that the sinks emitted, in order of arrival."""

    @property
    def progress(self) -> Mapping[str, Sequence[Progress]]:
        """The progress reports of each node's initialization, by node id."""

    @property
    def copies(self) -> int:
        """The number of arrays that were copied between processes."""

    def send(
        self,
        *items: Data,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
    ) -> Sent:
        """Send items, without waiting for their outputs.

        Args:
            items: in this order.
            node: the node that gets them; by default every source that does not generate items.
            sequence: of the first item; by default the one after the last.
            timestamp_ms: of all of them, in milliseconds.
        """

    def feed(
        self,
        *items: Data,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
    ) -> Outputs:
        """Send items as `send`, wait until every node has processed them, and return the outputs.

        Outputs of an earlier `send` that no call has returned yet come first.
        """

    def take(self) -> list[Data]:
        """Return the outputs since the last call that returned outputs."""

    def end(self) -> Outputs:
        """End the stream: let every node flush and clean up; return the outputs of that.

        It waits until sources that generate items have ended by themselves.
        """

    def stop(self) -> Outputs:
        """Stop the sources that generate items, and end the stream; return the outputs of that."""

    def advance(self, seconds: float) -> Outputs:
        """Let time pass, and return the outputs.

        Sources, timers and background tasks do what is due in that time, one after the other.
        Virtual time passes at once. A node process has a real clock, as has a run without
        `virtual_time`: there this call waits.
        """


Run: TypeAlias = PipelineUnderTest[None, list[Data]]
"""A pipeline under test, for a test without an event loop."""

AsyncRun: TypeAlias = PipelineUnderTest[Awaitable[None], Awaitable[list[Data]]]
"""A pipeline under test, for an async test on trio or asyncio."""


class Harness(AbstractContextManager[Run], AbstractAsyncContextManager[AsyncRun], Protocol):
    """Runs a pipeline for the duration of a `with` or an `async with` block.

    Entering waits until every node is ready, and raises the errors of initialization. Leaving
    before `end` cancels what still runs.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorCheck:
    """A check of an actor against the contract.

    Attributes:
        actor: the class, defined anywhere: also in a script, in a notebook, inside a function.
        params: valid params for it.
        samples: items that it can process, some of each kind that it needs; without any, some of
            every kind that it declares are used.
        executor: "native" also requires that no call holds the event loop for long.
        skip: the names of checks to leave out.
        seconds: the time limit of each check; exceeding it is a violation.
    """

    actor: type[Actor[Any]]
    params: Mapping[str, Any] = field(default_factory=dict)
    samples: Sequence[Data] = ()
    executor: ExecutorName = "native"
    skip: Collection[str] = ()
    seconds: float = 10


class Kit(Protocol):
    """A runtime's support for tests: an entry point in the group `millrace.testing`."""

    def harness(
        self,
        actors: Mapping[str, tuple[type[Actor[Any]], Mapping[str, Any]]],
        connections: Sequence[tuple[str, str]],
        *,
        executor: ExecutorName,
        virtual_time: bool,
    ) -> Harness:
        """Return a harness of these nodes, by id: class and params."""

    def find_violations(self, check: ActorCheck) -> tuple[Violation, ...]:
        """Check an actor, and return the rules that it breaks."""
