"""Actors that use asyncio. Nothing here imports trio-asyncio, which changes asyncio."""

import asyncio
from collections.abc import Generator
from typing import Any

from actors import Actor, Field, Kind, Params, Text


class ForeignFuture:
    """Yield to the event loop as a future of asyncio does."""

    def __await__(self) -> Generator[Any, Any, None]:
        yield self


NEVER: Any = None


class HabitParams(Params):
    """Which function of asyncio the actor uses."""

    habit: str = Field("sleep", description="one of HABITS")


class AsyncioHabit(Actor[HabitParams]):
    """Use asyncio in an async hook."""

    accepts = produces = frozenset({Kind.TEXT})

    async def process(self, item: Text) -> Text:
        match self.params.habit:
            case "sleep":
                await asyncio.sleep(0.01)
            case "create_task":
                asyncio.create_task(NEVER)  # noqa: RUF006 (it is never created)
            case "to_thread":
                await asyncio.to_thread(len, "")
            case "timeout":
                async with asyncio.timeout(1):
                    await asyncio.sleep(0.01)
            case "future":
                await ForeignFuture()
            case "loop":
                asyncio.get_running_loop()
        return item


class RunsAsyncio(Actor[Params]):
    """Run asyncio in a plain hook."""

    accepts = produces = frozenset({Kind.TEXT})

    def process(self, item: Text) -> Text:
        async def main() -> Text:
            await asyncio.sleep(0.001)
            return item

        coroutine = main()
        try:
            return asyncio.run(coroutine)
        finally:
            coroutine.close()
