"""Carries items from one link to another, where neither end of both is in the same place."""

from typing import Final

import trio

from actors import Json

from .inbox import Inbox, Reader
from .item import Item
from .output import Output

# No node has this id, so no reader gets such an item; but every end counts it.
_NOBODY: Final = "\0"


class Relay:
    """A task of the server between two links: from a process of the machine to a socket, and back.

    Args:
        reader: of the first link.
        output: the second link.
    """

    def __init__(self, reader: Reader, output: Output) -> None:
        self._reader = reader
        self._output = output
        self._inbox = Inbox()
        self._inbox.add_reader(reader)
        self._passed = 0  # or passed over

    @property
    def dropped(self) -> int:
        """How many items the first link has dropped."""
        return self._reader.statistics.dropped

    async def run(self) -> None:
        """Carry every item on, to the end of the stream.

        Raises:
            PeerError: an end is gone, or broken.
        """
        output = self._output
        try:
            while True:
                item = self._inbox.try_receive()
                if item is None:
                    item = await self._inbox.receive()
                self._passed += 1
                await self._pass_over()
                if not output.try_send(item):
                    await output.send(item)
        except trio.EndOfChannel:
            await self._pass_over()
            await output.end()

    async def _pass_over(self) -> None:
        """Count what was for other readers, or was dropped, on the second link too."""
        statistics = self._reader.statistics
        while self._passed < statistics.items + statistics.dropped:
            self._passed += 1
            await self._output.send(Item(Json(None), to=_NOBODY))

    def close(self) -> None:
        """Let go of both ends."""
        self._inbox.close()
        self._output.close()
