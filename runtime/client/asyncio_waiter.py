"""Suspends an asyncio task that reads messages."""

import asyncio


class AsyncioWaiter:
    """Suspends one task."""

    def __init__(self) -> None:
        self._future: asyncio.Future[None] | None = None

    async def wait(self, step: object) -> None:
        """Wait until `wake` is called."""
        self._future = asyncio.get_running_loop().create_future()
        try:
            await self._future
        finally:
            self._future = None

    def wake(self) -> None:
        """Wake the task that waits, if any."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def checkpoint(self) -> None:
        """Do nothing: the user's task lets other tasks run by itself, through the bridge."""

    async def give_way(self) -> None:
        """Let other tasks run."""
        await asyncio.sleep(0)
