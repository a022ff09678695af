"""A chain of tasks joined by trio's memory channels: `python -m ... [TASKS] [ROUNDS]`."""

import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio

CAPACITY = 100


class Chain:
    """Both ends of the chain."""

    def __init__(self, tasks: int, nursery: trio.Nursery) -> None:
        self.inlet, receiving = trio.open_memory_channel[object](CAPACITY)
        for _ in range(tasks):
            sending, following = trio.open_memory_channel[object](CAPACITY)
            nursery.start_soon(pass_on, receiving, sending)
            receiving = following
        self.outlet = receiving

    async def round_trip(self, item: object) -> float:
        """Return the seconds of one round trip."""
        began = time.perf_counter()
        await self.inlet.send(item)
        await self.outlet.receive()
        return time.perf_counter() - began


async def pass_on(
    receiving: trio.MemoryReceiveChannel[object], sending: trio.MemorySendChannel[object]
) -> None:
    """Run one task of the chain."""
    async for item in receiving:
        await sending.send(item)


@asynccontextmanager
async def open_chain(tasks: int) -> AsyncIterator[Chain]:
    """Run a chain as long as the block lasts."""
    async with trio.open_nursery() as nursery:
        yield Chain(tasks, nursery)
        nursery.cancel_scope.cancel()


async def main(tasks: int = 1, rounds: int = 1000) -> None:
    """Print the time of the middle round, in microseconds."""
    async with open_chain(tasks) as chain:
        times = sorted([await chain.round_trip(b"") for _ in range(rounds)])
    print(f"{1e6 * times[rounds // 2]:.1f}")


if __name__ == "__main__":
    trio.run(partial(main, *map(int, sys.argv[1:])))
