"""A session of an application on asyncio."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Self, TypeVar

import trio

from actors import Data

from ..config import ResourceLimits
from ..errors import MillraceError
from ..events import InitProgress, Result
from ..execution import NodeStatistics
from ..links import LinkStatistics
from ..plan import Plan
from ..session import DEFAULT_DEADLINE_SECONDS, NodeState, SessionState
from ..session import Session as TrioSession
from .held_block import HeldBlock
from .taps import TapQueue

T = TypeVar("T")


class Session:
    """A running pipeline: send chunks in, receive results.

    It has the methods of `runtime.Session`, for tasks of asyncio. `send` and `receive` may be used
    at the same time, from different tasks; `receive` by one task at a time. A cancelled call ends
    before the cancellation goes on; a result that a cancelled `receive` took is kept for the next.

    Attributes:
        id: unique.
        plan: what runs where, and why.
        limits: what it may use.
        opened_at: when it was opened, in seconds since 1970.
    """

    def __init__(self, block: HeldBlock[TrioSession], session: TrioSession) -> None:
        self.id: str = session.id
        self.plan: Plan = session.plan
        self.limits: ResourceLimits = session.limits
        self.opened_at: float = session.opened_at
        self._block = block
        self._session = session
        self._kept: list[Result] = []

    @property
    def state(self) -> SessionState:
        """Where the session is in its life."""
        return self._session.state

    @property
    def outcome(self) -> str:
        """One of "completed", "failed" or "cancelled"; empty as long as it runs."""
        return self._session.outcome

    @property
    def error(self) -> MillraceError | None:
        """The error that ended the session; None as long as it has not failed."""
        return self._session.error

    @property
    def became_ready(self) -> bool:
        """Whether every node was initialized, whatever has happened since."""
        return self._session.became_ready

    def _repr_html_(self) -> str:
        """Return the session as a notebook shows it."""
        return self._session._repr_html_()

    async def progress(self) -> AsyncIterator[InitProgress]:
        """Iterate over the progress of every node's initialization; ends when all are ready."""
        reports = self._session.progress()

        async def take() -> InitProgress | None:
            return await anext(reports, None)

        while (report := await self._block.call(take)) is not None:
            yield report

    async def wait_ready(self) -> None:
        """Wait until every node is initialized."""
        await self._block.call(self._session.wait_ready)

    async def send(
        self,
        data: Data,
        *,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
    ) -> int:
        """Send a chunk in; wait until the session is ready and the pipeline has room for it.

        Args:
            data: the item.
            node: the node that it enters at, any of the pipeline; None means every source node.
            sequence: carried by every result that comes of it; None counts up from the last one.
            timestamp_ms: handed on to the nodes and the results.

        Returns:
            The chunk's sequence.

        Raises:
            InputError: not a data item, of a kind that the node does not take, or a number out of
                range.
            UnknownNodeError: the pipeline has no such node.
            LimitError: it has more audio samples than the session may still take, or does not fit
                into its shared memory; the session goes on.
            SessionClosedError: `close_input` was called, or the block was left.
            NodeError: a node failed.
        """
        return await self._block.call(
            partial(
                self._session.send,
                data,
                node=node,
                sequence=sequence,
                timestamp_ms=timestamp_ms,
            )
        )

    async def close_input(self, *, stop_sources: bool = False) -> None:
        """End the input: every node processes what it has, and flushes.

        Sources that generate items go on until they end by themselves, and so does the session.

        Args:
            stop_sources: stop these sources too. Each is cancelled, and flushes.
        """
        close = partial(self._session.close_input, stop_sources=stop_sources)
        await self._block.call(close)

    async def receive(self) -> Result:
        """Return the next result of any sink.

        Raises:
            trio.EndOfChannel: the input was closed, everything is flushed, and every node has
                cleaned up.
            trio.BusyResourceError: another task is receiving.
            NodeError: a node failed.
        """
        if self._kept:
            return self._kept.pop()
        return await self._block.call(self._session.receive, keep=self._kept.append)

    def __aiter__(self) -> Self:
        """Iterate over the results, to the end of the stream."""
        return self

    async def __anext__(self) -> Result:
        """Return the next result."""
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    @asynccontextmanager
    async def tap(self, *addresses: str, capacity: int = 1024) -> AsyncIterator[TapQueue]:
        """See every output of nodes while the block lasts; the session never waits for the reader.

        Args:
            addresses: the nodes, as in "vad.out" or "vad".
            capacity: outputs that may wait to be read; more are missed, and counted.

        Raises:
            UnknownNodeError: the pipeline has no such node.
            InputError: an address is not the output of a node.
        """
        async with self._entered(self._session.tap(*addresses, capacity=capacity)) as queue:
            yield TapQueue(self._block, queue)

    @asynccontextmanager
    async def intercept(
        self,
        address: str,
        decide: Callable[[Data], Awaitable[Data | None]],
        *,
        deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
    ) -> AsyncIterator[None]:
        """Decide on every output of a node, for as long as the block lasts.

        Args:
            address: the node, as in "vad.out" or "vad".
            decide: returns the output, another item in its place, or None to drop it. It is an
                async function, called in the application's loop.
            deadline_seconds: when an output passes that `decide` has not decided on.

        Raises:
            UnknownNodeError: the pipeline has no such node.
            InputError: the address is not the output of a node.
        """
        in_host = partial(self._block.thread.run_in_host, decide)
        opening = self._session.intercept(address, in_host, deadline_seconds=deadline_seconds)
        async with self._entered(opening):
            yield

    async def set_node_state(self, node: str, state: NodeState) -> None:
        """Enable, bypass or disable a node, from its next item on.

        Items that were published into it before are processed in the old state.

        Raises:
            UnknownNodeError: the pipeline has no such node.
        """
        await self._block.call(partial(self._session.set_node_state, node, state))

    async def publish(self, data: Data, *, node: str, timestamp_ms: int = 0) -> int:
        """Send an item into a node, beside what `send` sends; return its sequence.

        Its results go downstream, and to `receive`, as a chunk's do. Published items are counted
        from 0, apart from the chunks.

        Args:
            data: the item.
            node: the node that it enters.
            timestamp_ms: passed to the nodes and the results.

        Raises:
            InputError: not a data item, or of a kind that the node does not take.
            UnknownNodeError: the pipeline has no such node.
            LimitError: it has more audio samples than the session may still take.
            SessionClosedError: the session takes no more input.
        """
        publish = partial(self._session.publish, data, node=node, timestamp_ms=timestamp_ms)
        return await self._block.call(publish)

    async def kill(self, reason: str) -> None:
        """End the session with an error, SessionKilledError."""
        await self._call_now(partial(self._session.kill, reason))

    async def statistics(self) -> dict[str, NodeStatistics]:
        """Return the statistics of each node; of node processes as they were last sent."""
        return await self._call_now(self._session.statistics)

    async def totals(self) -> LinkStatistics:
        """Return the sum of the statistics of all links, as they were last sent."""
        return await self._call_now(self._session.totals)

    async def processes(self) -> dict[str, int]:
        """Return the process id of every node that has a process of its own."""
        return await self._call_now(self._session.processes)

    async def _call_now(self, function: Callable[[], T]) -> T:
        async def call() -> T:  # noqa: ASYNC124 (a call is async)
            return function()

        return await self._block.call(call)

    @asynccontextmanager
    async def _entered(self, opening: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
        """Hold a block of the session that opens no nursery."""
        value = await self._block.call(opening.__aenter__)
        try:
            yield value
        finally:
            leave = partial(opening.__aexit__, None, None, None)
            await self._block.call_at_end(leave)  # noqa: ASYNC102 (it waits for its end)
