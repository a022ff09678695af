"""The producer's end of a link through a socket that drops items rather than wait."""

import socket
from collections import deque
from dataclasses import dataclass

import trio

from ..errors import PeerError
from ..item import Item
from ..shared import PackedItem
from ..socket_spec import SocketLinkSpec
from ..waiting import Waiting
from .writer import SocketWriter


@dataclass(slots=True, eq=False)
class _Kept:
    """An item that the reader has no room for yet."""

    item: Item
    packed: PackedItem
    number: int
    elsewhere: int


class DroppingSocketWriter(SocketWriter):
    """Keeps what the reader has no room for, and drops the oldest of it.

    A quarter of the link's room is for what is under way, which cannot be dropped any more.
    """

    def __init__(
        self,
        spec: SocketLinkSpec,
        sock: socket.socket | None = None,
        *,
        waiting: Waiting | None = None,
    ) -> None:
        super().__init__(spec, sock, waiting=waiting)
        self._kept: deque[_Kept] = deque()
        self._kept_bytes = 0

    @property
    def is_idle(self) -> bool:
        """Whether `run` has nothing to do."""
        return not self._backlog and not self._kept

    def try_send(self, item: Item) -> bool:
        """Send `item`, or keep it; return True.

        Raises:
            PeerError: the reader is gone, or broken.
            SharedMemoryError: it is larger than an item may be.
        """
        if self._error is not None:
            raise self._error
        if not self._is_for_others(item):
            self._keep(item, self._packed(item))
            self._send_kept()
            if self._kept:
                self._changed.unpark_all()
        return True

    async def send(self, item: Item) -> None:
        """Send `item`, or keep it.

        Raises:
            PeerError: the reader is gone, or broken.
            SharedMemoryError: it is larger than an item may be.
        """
        # Since this never waits for room, the other tasks must have a turn in another way.
        await trio.lowlevel.checkpoint()
        self.try_send(item)

    async def end(self) -> None:
        """End the stream, and return when all of it is under way.

        Raises:
            PeerError: the reader is gone, or broken.
        """
        while self._kept and self._error is None:
            await self._changed.park()
        await super().end()

    def close(self) -> None:
        """Close the socket."""
        self._kept.clear()
        super().close()

    async def _pump(self) -> None:
        if self._kept and not self._backlog and self._socket is not None:
            await self._wait_credits()
        else:
            await super()._pump()
        self._send_kept()

    def _keep(self, item: Item, packed: PackedItem) -> None:
        self._kept.append(_Kept(item, packed, *self._take_number(packed)))
        self._kept_bytes += packed.total_bytes
        spec = self._spec
        while len(self._kept) > 1 and (
            len(self._kept) > spec.capacity or self._kept_bytes > spec.capacity_bytes
        ):
            oldest = self._kept.popleft()
            self._kept_bytes -= oldest.packed.total_bytes
            self._kept[0].elsewhere += oldest.elsewhere

    def _send_kept(self) -> None:
        while self._kept and self._may_write(self._kept[0].packed):
            next_one = self._kept.popleft()
            self._kept_bytes -= next_one.packed.total_bytes
            self._write(next_one.item, next_one.packed, next_one.number, next_one.elsewhere)
        if not self._kept:
            self._changed.unpark_all()

    def _fail(self, error: PeerError) -> None:
        self._kept.clear()
        super()._fail(error)
