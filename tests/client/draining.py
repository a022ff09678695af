"""A server that drains while a client streams."""

import math
from collections.abc import Awaitable, Callable

import trio

from runtime.client import RemoteRuntime
from runtime.service import GrpcServer

from .conftest import Client, together_at

SECONDS = 30.0


class Drain:
    """Lets a client, in whichever thread, begin the drain of the server that it is at."""

    def __init__(self, servers: list[GrpcServer]) -> None:
        self._servers = {str(each.address): each for each in servers}
        self._token = trio.lowlevel.current_trio_token()
        self._addresses, self._asked = trio.open_memory_channel[str](math.inf)
        self.ended: list[str] = []

    def begin(self, address: str) -> None:
        """Ask for the drain of a server."""
        self._token.run_sync_soon(self._addresses.send_nowait, address)

    async def run(self, seconds: float, lame_duck_seconds: float) -> None:
        """Drain each server that is asked for, until cancelled."""
        async with trio.open_nursery() as nursery:
            async for address in self._asked:
                nursery.start_soon(self._drain, address, seconds, lame_duck_seconds)

    async def _drain(self, address: str, seconds: float, lame_duck_seconds: float) -> None:
        await self._servers[address].drain(seconds, lame_duck_seconds=lame_duck_seconds)
        self.ended.append(address)


Body = Callable[[RemoteRuntime, Drain], Awaitable[None]]


async def run_with_drain(
    client: Client,
    servers: list[GrpcServer],
    body: Body,
    *,
    seconds: float = SECONDS,
    lame_duck_seconds: float = 0,
) -> Drain:
    drain = Drain(servers)

    async def main(runtime: RemoteRuntime) -> None:
        await body(runtime, drain)

    with trio.fail_after(SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drain.run, seconds, lame_duck_seconds)
            await client(together_at(servers), main)
            nursery.cancel_scope.cancel()
    return drain
