"""`millrace run --explain`: follows every chunk of a run."""

import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Final, Self

import trio

from actors import Data

from ...errors import MillraceError
from ...events import InitProgress, Result
from ...latency import LatencySummary, duration_text

if TYPE_CHECKING:
    from ...client import RemoteRuntime, RemoteStream
    from ...manifest import Manifest
    from ...session import Session
    from ...wire.operations import ExplainSessionResponse
    from ..server_target import ServerTarget
    from .open_pipeline import Pipeline

_MOST_CHUNKS: Final = 100_000
# For the last summary of a server, after the last result.
_LAST_SECONDS: Final = 5.0


class RunExplanation:
    """Where the latency of a run's results went.

    Attributes:
        summary: None as long as nothing is known.
        notes: what was measured here, if the pipeline ran on a server.
    """

    def __init__(self) -> None:
        self.summary: LatencySummary | None = None
        self.notes: list[str] = []

    @asynccontextmanager
    async def following(self, session: "Session") -> AsyncIterator[None]:
        """Follow a session of this process, for as long as the block lasts."""
        async with session.explained(all_chunks=True) as latency:
            try:
                yield
            finally:
                with trio.CancelScope(shield=True):
                    self.summary = await latency.summary(is_last=True)

    async def check(self, server: "ServerTarget") -> None:
        """Check that a server would explain a session, before any file is overwritten.

        Raises:
            MillraceError: the token is no admin token.
        """
        async with server.connect() as runtime:
            await runtime.recent_endings(2**63)

    @asynccontextmanager
    async def open_remote(
        self, server: "ServerTarget", manifest: "Manifest"
    ) -> "AsyncIterator[Pipeline]":
        """Run a manifest on a server, and let it explain the session.

        Raises:
            MillraceError: the pipeline failed, or the connection.
        """
        async with (
            server.connect() as runtime,
            runtime.stream(manifest) as stream,
            trio.open_nursery() as nursery,
        ):
            timed = _TimedStream(stream)
            nursery.start_soon(self._follow, runtime, timed)
            yield timed
            nursery.cancel_scope.deadline = trio.current_time() + _LAST_SECONDS
        self.notes += timed.notes()

    async def _follow(self, runtime: "RemoteRuntime", timed: "_TimedStream") -> None:
        from ..latency import summary_of

        try:
            await timed.stream.wait_ready()
            responses = runtime.explain_session(timed.stream.session_id, all_chunks=True)
            response: ExplainSessionResponse
            async with aclosing(responses):
                async for response in responses:
                    self.summary = summary_of(response)
                    timed.is_followed.set()
        except MillraceError as error:
            # The stream raises its own error, if it has one; the run goes on otherwise.
            self.notes = [f"not explained to its end: {error}"]
        finally:
            timed.is_followed.set()


class _TimedStream:
    """A stream to a server, whose latency is measured here, too."""

    def __init__(self, stream: "RemoteStream") -> None:
        self.stream = stream
        self.is_followed = trio.Event()
        self._sent: OrderedDict[int, float] = OrderedDict()
        self._seconds: list[float] = []

    def progress(self) -> AsyncIterator[InitProgress]:
        """Iterate over the progress of every node's initialization."""
        return self.stream.progress()

    async def wait_ready(self) -> None:
        """Wait until every node is initialized, and the server follows the session."""
        await self.stream.wait_ready()
        await self.is_followed.wait()

    async def send(self, data: Data, *, node: str | None = None) -> int:
        """Send a chunk."""
        began = time.monotonic()
        sequence = await self.stream.send(data, node=node)
        self._sent[sequence] = began
        if len(self._sent) > _MOST_CHUNKS:
            self._sent.popitem(last=False)
        return sequence

    async def close_input(self) -> None:
        """End the stream."""
        await self.stream.close_input()

    def __aiter__(self) -> Self:
        """Iterate over the results."""
        return self

    async def __anext__(self) -> Result:
        """Return the next result."""
        result = await anext(self.stream)
        began = self._sent.get(result.sequence)
        if began is not None and len(self._seconds) < _MOST_CHUNKS:
            self._seconds.append(time.monotonic() - began)
        return result

    def notes(self) -> list[str]:
        """Return what was measured here."""
        ordered = sorted(self._seconds)
        if not ordered:
            return []
        p50, p99 = (
            duration_text(round(1e9 * ordered[max(0, math.ceil(share * len(ordered)) - 1)]))
            for share in (0.5, 0.99)
        )
        return [
            f"measured here, with the connection to the server: p50 {p50}, p99 {p99}; below is the "
            "part of the session"
        ]
