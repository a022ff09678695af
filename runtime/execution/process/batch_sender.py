"""Sends what a node process records to the server, in batches: traced calls, or hops."""

import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import trio

from .messages import FromNode

# What may wait: as far as the control socket is full. What does not fit is lost; the node never
# waits for its own records.
_MOST_WAITING: Final = 512
# A loop blocks its thread only while nothing waits to be sent, so a record is sent at once, unless
# others were sent just before. Then up to so many go together.
_BATCH: Final = 16
_BATCH_SECONDS: Final = 0.002


R = TypeVar("R")


class BatchSender(Generic[R]):
    """Takes records, and sends them.

    Args:
        message: makes the message that carries a batch.
        try_send: sends a message at once; returns False where it would have to wait.
        send: sends a message.
    """

    def __init__(
        self,
        message: Callable[[list[R]], FromNode],
        try_send: Callable[[FromNode], bool],
        send: Callable[[FromNode], Awaitable[None]],
    ) -> None:
        self._message = message
        self._try_send = try_send
        self._send = send
        self._records: list[R] = []
        self._next_seconds = 0.0
        self._came = trio.Event()
        self._turn = trio.Lock()

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._records

    def record(self, record: R) -> None:
        """Send a record, now or a moment later."""
        if len(self._records) >= _MOST_WAITING:
            return
        self._records.append(record)
        now = time.monotonic()
        is_due = len(self._records) >= _BATCH or now >= self._next_seconds
        if is_due and not self._turn.locked() and self._try_send(self._message(self._records)):
            self._records = []
            self._next_seconds = now + _BATCH_SECONDS
        else:
            self._came.set()

    async def run(self) -> None:
        """Send what was not sent at once, for ever."""
        while True:
            while not self._records:
                self._came = trio.Event()
                await self._came.wait()
            await trio.sleep(max(0.0, self._next_seconds - time.monotonic()))
            await self.flush()

    async def flush(self) -> None:
        """Send what waits."""
        async with self._turn:
            while self._records:
                # They stay until they are sent: a loop that sees none may block the thread.
                batch = list(self._records)
                with trio.CancelScope(shield=True):  # half a message would garble the next one
                    await self._send(self._message(batch))
                del self._records[: len(batch)]
                self._next_seconds = time.monotonic() + _BATCH_SECONDS
