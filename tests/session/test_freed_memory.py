"""What sessions have had goes back to the machine when they have ended."""

from contextlib import AsyncExitStack

import psutil
import trio

from runtime import Runtime

from .pipelines import manifest

SESSIONS = 16
# Of the server for a session with a process: 1.7 MB (2026-11-28).
MOST_KEPT_BYTES = 8_000_000


def own_bytes() -> int:
    """Return the memory that this process shares with no other."""
    return int(psutil.Process().memory_full_info().uss)


async def open_together(runtime: Runtime, count: int) -> None:
    """Run so many sessions at a time."""
    pipeline = manifest({"node": "PassThrough"}, places={"node": "multiprocess"})
    async with AsyncExitStack() as stack:
        for _ in range(count):
            session = await stack.enter_async_context(runtime.open_session(pipeline))
            await session.wait_ready()


async def test_the_server_s_memory_goes_back_when_sessions_with_processes_end(
    runtime: Runtime,
) -> None:
    await open_together(runtime, 1)
    before = own_bytes()
    await open_together(runtime, SESSIONS)
    with trio.fail_after(20):
        while own_bytes() - before > MOST_KEPT_BYTES:  # noqa: ASYNC110 (the kernel tells nobody)
            await trio.sleep(0.1)
