"""What tests do alike under asyncio and under trio."""

import asyncio
from collections.abc import Awaitable, Callable

import sniffio
import trio

Function = Callable[[], Awaitable[object]]


async def together(*functions: Function) -> None:
    """Run functions at the same time, to their end."""
    if sniffio.current_async_library() == "trio":
        async with trio.open_nursery() as nursery:
            for function in functions:
                nursery.start_soon(function)
    else:
        async with asyncio.TaskGroup() as group:
            for function in functions:
                group.create_task(function())  # type: ignore[arg-type]


async def ends_within(seconds: float, function: Function) -> bool:
    """Return whether a function ended by itself; it is cancelled otherwise."""
    if sniffio.current_async_library() == "trio":
        with trio.move_on_after(seconds):
            await function()
            return True
        return False
    try:
        async with asyncio.timeout(seconds):
            await function()
            return True
    except TimeoutError:
        return False


async def write_to(path: str) -> None:
    """Write into a named pipe that somebody reads."""
    if sniffio.current_async_library() == "trio":
        await trio.to_thread.run_sync(_write, path)
    else:
        await asyncio.to_thread(_write, path)


def _write(path: str) -> None:
    with open(path, "w") as pipe:
        pipe.write("open")
