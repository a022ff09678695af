"""The running pipeline of a run: in a session of its own, or on a server."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol, Self

from actors import Data

from ...events import InitProgress, Result

if TYPE_CHECKING:
    from ...manifest import Manifest
    from ...plan import Plan
    from ...session import Session
    from ..server_target import ServerTarget
    from ..workspace import Workspace


class Pipeline(Protocol):
    """A running pipeline: what a Session and a RemoteStream have in common."""

    def progress(self) -> AsyncIterator[InitProgress]:
        """Iterate over the progress of every node's initialization; ends when all are ready."""

    async def wait_ready(self) -> None:
        """Wait until every node is initialized."""

    async def send(self, data: Data, *, node: str | None = None) -> int:
        """Send a chunk to a node or to all sources; wait until there is room for it."""

    async def close_input(self) -> None:
        """End the stream: every node processes what it has, and flushes."""

    def __aiter__(self) -> Self:
        """Iterate over the results, to the end of the stream."""

    async def __anext__(self) -> Result:
        """Return the next result."""


Recorded = Callable[["Session"], AbstractAsyncContextManager[object]]
"""Records or follows a session for as long as the context is open."""


@asynccontextmanager
async def open_local(
    workspace: "Workspace",
    plan: "Plan",
    on_end: "Callable[[Session], None]",
    record: "Recorded | None" = None,
    follow: "Recorded | None" = None,
) -> AsyncIterator[Pipeline]:
    """Run a plan in this process and its node processes.

    Args:
        workspace: the settings and node types.
        plan: made with that workspace.
        on_end: is called with the session at its end, when its statistics are final; or when it is
            stopped.
        record: records the session for as long as it runs; None does not.
        follow: follows its chunks likewise; None does not.

    Raises:
        MillraceError: the pipeline failed.
    """
    from ...session import open_runtime

    async with (
        open_runtime(workspace.config) as runtime,
        runtime.open_session(plan) as session,
        nullcontext() if record is None else record(session),
        nullcontext() if follow is None else follow(session),
    ):
        try:
            yield session
        finally:
            on_end(session)


@asynccontextmanager
async def open_remote(server: "ServerTarget", manifest: "Manifest") -> AsyncIterator[Pipeline]:
    """Run a manifest on a server.

    Raises:
        MillraceError: the pipeline failed, or the connection to the server.
    """
    async with server.connect() as runtime, runtime.stream(manifest) as stream:
        yield stream
