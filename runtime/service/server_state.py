"""Whether the server takes calls, and what all its services share."""

from dataclasses import dataclass, field

import trio
from grpclib.const import Status

from .call_errors import CallError


@dataclass(slots=True, eq=False)
class ServerState:
    """The server's state, as its services see it.

    Attributes:
        traces: whether a node's traceback is told to clients.
        draining: whether new calls are refused.
        stopping: set when calls that still run are to end.
    """

    traces: bool = True
    draining: bool = False
    stopping: trio.Event = field(default_factory=trio.Event)

    def check_accepting(self) -> None:
        """Refuse a new call while the server is going down.

        Raises:
            CallError: UNAVAILABLE, which tells clients to try another server.
        """
        if self.draining:
            raise CallError(Status.UNAVAILABLE, "the server is shutting down; try another one")
