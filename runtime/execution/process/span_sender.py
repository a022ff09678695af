"""Sends the traced calls of a node process to the server, in batches."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from ...tracing import NodeSpan
from .messages import Spans

# What may wait: as far as the control socket is full. What does not fit is lost; the node never
# waits for its trace.
_MOST_WAITING: Final = 512
# A loop blocks its thread only while nothing waits to be sent, so a call is sent at once, unless
# others were sent just before. Then up to so many go together.
_BATCH: Final = 16
_BATCH_SECONDS: Final = 0.002


class SpanSender:
    """Takes calls that have ended, and sends them.

    Args:
        try_send: sends a message at once; returns False where it would have to wait.
        send: sends a message.
    """

    def __init__(
        self, try_send: Callable[[Spans], bool], send: Callable[[Spans], Awaitable[None]]
    ) -> None:
        self._try_send = try_send
        self._send = send
        self._spans: list[NodeSpan] = []
        self._next_seconds = 0.0
        self._came = trio.Event()
        self._turn = trio.Lock()

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._spans

    def record(self, span: NodeSpan) -> None:
        """Send a call, now or a moment later."""
        if len(self._spans) >= _MOST_WAITING:
            return
        self._spans.append(span)
        now = time.monotonic()
        is_due = len(self._spans) >= _BATCH or now >= self._next_seconds
        if is_due and not self._turn.locked() and self._try_send(Spans(self._spans)):
            self._spans = []
            self._next_seconds = now + _BATCH_SECONDS
        else:
            self._came.set()

    async def run(self) -> None:
        """Send what was not sent at once, for ever."""
        while True:
            while not self._spans:
                self._came = trio.Event()
                await self._came.wait()
            await trio.sleep(max(0.0, self._next_seconds - time.monotonic()))
            await self.flush()

    async def flush(self) -> None:
        """Send what waits."""
        async with self._turn:
            while self._spans:
                # They stay until they are sent: a loop that sees none may block the thread.
                batch = list(self._spans)
                with trio.CancelScope(shield=True):  # half a message would garble the next one
                    await self._send(Spans(batch))
                del self._spans[: len(batch)]
                self._next_seconds = time.monotonic() + _BATCH_SECONDS
