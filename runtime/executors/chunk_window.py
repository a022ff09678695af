"""Bounds what is on its way to another host."""

import trio


class ChunkWindow:
    """Bounds the chunks that are on their way to a host, or wait there to be taken.

    Items wait here instead, where backpressure and dropping count them, and control messages do not
    wait behind them.

    Attributes:
        sent: chunks, control messages among them.
        dropped: items that the session there has dropped.
        most: how many chunks; more than any number for a host that does not report them.
        interval: of chunks, in which the host is to report: often enough that none waits for it.
    """

    def __init__(self, most: int) -> None:
        self.sent = 0
        self.dropped = 0
        self.most: float = most
        self.interval = max(1, most // 4)
        self._taken = 0
        self._waiting = trio.lowlevel.ParkingLot()

    def note_taken(self, chunks: int, dropped: int) -> None:
        """Note what the session there has taken and dropped in all."""
        self._taken, self.dropped = min(chunks, self.sent), dropped
        self._waiting.unpark_all()

    async def wait_for_room(self) -> None:
        """Wait until fewer chunks than the most are on their way."""
        while self.sent - self._taken >= self.most:
            await self._waiting.park()
