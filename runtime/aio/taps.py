"""A tap of a session, read from asyncio."""

from typing import Self

import trio

from ..session import Session as TrioSession
from ..session import TappedOutput
from ..session import TapQueue as TrioTapQueue
from .held_block import HeldBlock


class TapQueue:
    """Receives the outputs of nodes. Iterate over it; the iteration ends with the session."""

    def __init__(self, block: HeldBlock[TrioSession], queue: TrioTapQueue) -> None:
        self._block = block
        self._queue = queue
        self._kept: list[TappedOutput] = []

    @property
    def missed(self) -> int:
        """The outputs that it had no room for, in all."""
        return self._queue.missed

    async def receive(self) -> TappedOutput:
        """Return the next output.

        Raises:
            trio.EndOfChannel: the session has ended.
        """
        if self._kept:
            return self._kept.pop()
        return await self._block.call(self._queue.receive, keep=self._kept.append)

    def __aiter__(self) -> Self:
        """Iterate over the outputs."""
        return self

    async def __anext__(self) -> TappedOutput:
        """Return the next output."""
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None
