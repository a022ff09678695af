"""The state of the server that its services share."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio
from grpclib.const import Status

from ..session import EndReason
from .call_errors import SHUTTING_DOWN, CallError
from .peak_memory import PeakMemory
from .server_call import ServerCall


@dataclass(slots=True, eq=False)
class ServerState:
    """The state that the services share.

    Attributes:
        traces: whether clients receive the tracebacks of nodes.
        draining: set when the server has begun to shut down; it may still accept calls.
        drain_deadline: then, the time of trio's clock at which sessions end; infinite for never.
        ending: set when sessions must take no more input, and send their last results.
        stopping: set when running calls must end.
        peak_memory: of the server.
    """

    traces: bool = True
    draining: trio.Event = field(default_factory=trio.Event)
    drain_deadline: float = math.inf
    ending: trio.Event = field(default_factory=trio.Event)
    stopping: trio.Event = field(default_factory=trio.Event)
    peak_memory: PeakMemory = field(default_factory=PeakMemory)

    @asynccontextmanager
    async def cancelled_at_stop(self) -> AsyncIterator[None]:
        """Cancel the block, and leave it, when running calls must end."""

        async def watch() -> None:
            await self.stopping.wait()
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            yield
            nursery.cancel_scope.cancel()

    def why_left(self, call: ServerCall[Any, Any], reason: EndReason) -> EndReason:
        """Return why the session of a call was completed or left.

        Args:
            call: that the session is for.
            reason: as the session sees it.
        """
        if reason is EndReason.COMPLETED:
            return reason
        if self.stopping.is_set():
            return EndReason.SERVER_STOP
        if call.is_overdue:
            return EndReason.DEADLINE
        return EndReason.CLIENT_RESET if call.is_connected else EndReason.DISCONNECTED

    def check_accepting(self) -> None:
        """Check that the server still starts sessions.

        Raises:
            CallError: UNAVAILABLE: sessions must end now.
        """
        if self.ending.is_set() or self.stopping.is_set():
            raise CallError(Status.UNAVAILABLE, SHUTTING_DOWN)
