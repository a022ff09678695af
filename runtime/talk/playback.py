"""How much audio a page still has to play: it plays in real time, and must not collect more."""

from typing import Final

import trio

# What a page has to keep: 20 s of mono at 48 kHz are 4 MB of float32.
AHEAD_SECONDS: Final = 20.0


class Playback:
    """Makes the sender wait where a page has 20 s of audio that it has not played.

    It assumes a page that plays at once, and without a pause.

    Attributes:
        stops: how often the playback was stopped.
    """

    def __init__(self) -> None:
        self.stops = 0
        self._plays_until = 0.0
        self._stopped = trio.Event()

    def stop(self) -> None:
        """Note that the page drops what it has not played: it has room."""
        self.stops += 1
        self._plays_until = 0.0
        self._stopped.set()
        self._stopped = trio.Event()

    async def wait_for_room(self, seconds: float) -> None:
        """Wait until the page has room for so much audio, and count it."""
        room_at = self._plays_until - AHEAD_SECONDS
        if room_at > trio.current_time():
            with trio.move_on_at(room_at):
                await self._stopped.wait()
        self._plays_until = max(self._plays_until, trio.current_time()) + seconds
