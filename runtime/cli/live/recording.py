"""Recording a session of a running server to a file here."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path

import trio

from ...recording import RecordingWriter, Side
from ..file_run import stopped_by_signals
from ..server_target import ServerTarget
from .sessions import resolved


async def record_session(
    server: ServerTarget,
    session: str,
    path: Path,
    nodes: Sequence[str],
    tell_began: Callable[[str], None],
) -> int:
    """Record a session until it ends or a signal comes; return the number of items.

    Args:
        server: that has the session.
        session: its id, or "last".
        path: of the file.
        nodes: whose outputs are recorded; all if it is empty.
        tell_began: called with the session's id as soon as what it emits is recorded.

    Raises:
        MillraceError: the call failed, there is no such session, or the file cannot be written.
    """
    writer: RecordingWriter | None = None
    ending: dict[str, str] = {"state": "executing", "stopped": "the recording was stopped"}
    items = 0
    try:
        async with stopped_by_signals(lambda: None), server.connect() as runtime:
            session_id = await resolved(runtime, session)
            async with aclosing(runtime.watch_items(session_id, nodes)) as events:
                async for event in events:
                    if event.began is not None:
                        entries = dict(event.began.entries)
                        writer = await trio.to_thread.run_sync(RecordingWriter, path, entries)
                        tell_began(session_id)
                    elif event.ended is not None:
                        ending = dict(event.ended.entries)
                    elif event.item is not None and writer is not None:
                        item = event.item
                        side = Side.INPUT if item.is_input else Side.OUTPUT
                        await trio.to_thread.run_sync(
                            writer.add_body,
                            item.node_id,
                            side,
                            item.chunk,
                            item.time_ns,
                            item.entered_ns,
                        )
                        items += 1
    finally:
        if writer is not None:
            with trio.CancelScope(shield=True):
                closing = {**ending, "items": str(items)}
                await trio.to_thread.run_sync(writer.close, closing)
    return items
