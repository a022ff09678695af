"""The events that wait for a client that attaches, within bounds."""

from collections import deque
from typing import Final

import trio

from ..session import ControlBus
from ..wire import ControlEvent

MOST_EVENTS: Final = 512
"""Of outputs; as many others may wait beside them."""

# Of one client, and of all that attach to one session. What a client subscribes to counts too.
_MOST_BYTES: Final = 32 * 1024 * 1024
_MOST_BYTES_OF_SESSION: Final = 128 * 1024 * 1024
# An event without data, and a subscription, with the objects that they are.
_FIXED_BYTES: Final = 1024


class AttachEvents:
    """What waits to be sent.

    Args:
        bus: of the session, which counts what all clients hold.
    """

    def __init__(self, bus: ControlBus) -> None:
        self._bus = bus
        self._events: deque[tuple[ControlEvent, int]] = deque()
        self._held_bytes = 0
        self._changed = trio.lowlevel.ParkingLot()

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: ControlEvent, data_bytes: int = 0) -> bool:
        """Add an event; return False if there is no room for it.

        Args:
            event: of which texts are short.
            data_bytes: of its data.
        """
        # Errors answer frames of the client: one that sends without reading fills its own queue.
        if len(self._events) >= 2 * MOST_EVENTS or not self.hold(data_bytes):
            return False
        self._events.append((event, data_bytes))
        self._changed.unpark_all()
        return True

    def hold(self, size: int) -> bool:
        """Count bytes that are kept for the client; return False if there is no room for them."""
        if not self.has_room(size):
            return False
        self._count(size + _FIXED_BYTES)
        return True

    def has_room(self, size: int) -> bool:
        """Return whether so many bytes may be kept."""
        size += _FIXED_BYTES
        of_session = self._bus.held_bytes + size
        return self._held_bytes + size <= _MOST_BYTES and of_session <= _MOST_BYTES_OF_SESSION

    def release(self, size: int) -> None:
        """Count them no longer."""
        self._count(-size - _FIXED_BYTES)

    def pop(self) -> tuple[ControlEvent, int]:
        """Return the oldest event, and the bytes to release when it is sent."""
        return self._events.popleft()

    def wake(self) -> None:
        """Wake whoever waits for a change."""
        self._changed.unpark_all()

    async def wait_changed(self) -> None:
        """Wait for an event, or to be woken."""
        await self._changed.park()

    def close(self) -> None:
        """Hold nothing any more."""
        self._events.clear()
        self._count(-self._held_bytes)

    def _count(self, size: int) -> None:
        self._held_bytes += size
        self._bus.held_bytes += size
