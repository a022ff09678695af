"""Finds out that a node process hangs, and where it is."""

import time
from collections.abc import Callable
from typing import Final

import trio

from ..call_clock import idle_seconds, running_seconds
from .hosted_process import RunningNode
from .message_socket import MalformedMessageError
from .messages import Stack, StackRequest

HEARTBEAT_SECONDS: Final = 5.0
# How long a process that may hang has for its answer, and how long for its dump.
_ANSWER_SECONDS: Final = 0.5
_DUMP_SECONDS: Final = 1.0


class Watchdog:
    """Watches one node process, without its help as far as that can be.

    A call of the actor that lasts too long is seen in shared memory, a stopped process in /proc. A
    process that hangs outside of a call does not answer the heartbeat.
    """

    def __init__(self, process: RunningNode, request_answer: Callable[[], None]) -> None:
        """Create the watchdog.

        Args:
            process: the process.
            request_answer: sends the process a message that it has to answer.
        """
        self._process = process
        self._request_answer = request_answer
        self._requested_at: float | None = None
        self._was_stopped = False

    def note_message(self) -> None:
        """Note that the process has sent a message."""
        self._requested_at = None

    async def wait_hung(self, timeout_seconds: float) -> str:
        """Wait until the process hangs; return how it does."""
        while True:
            left = timeout_seconds - running_seconds(self._process.activity.times)
            if left <= 0:
                return (
                    f"a call of its actor has not returned for {timeout_seconds:g} s "
                    "(multiprocess.process_timeout_secs)"
                )
            pause, began = min(left, HEARTBEAT_SECONDS), time.perf_counter()
            await trio.sleep(pause)
            # If the server itself was stopped meanwhile, an answer may be here and not read yet.
            if time.perf_counter() - began < pause + HEARTBEAT_SECONDS:
                hung = self._check(timeout_seconds)
                if hung:
                    return hung

    async def locate(self) -> str:
        """Return the stack of the process; empty if it cannot be had."""
        if not self._process.is_stopped():
            with trio.move_on_after(_ANSWER_SECONDS):
                text = await self._request_stack()
                if text:
                    return text
        return await self._process.dump_stacks(_DUMP_SECONDS)

    def _check(self, timeout_seconds: float) -> str:
        is_stopped = self._process.is_stopped()
        if is_stopped and self._was_stopped:
            return "its process was stopped by a signal (SIGSTOP)"
        self._was_stopped = is_stopped
        if running_seconds(self._process.activity.times):
            return ""
        if self._requested_at is None:
            self._requested_at = time.perf_counter()
            self._request_answer()
            return ""
        waited = time.perf_counter() - self._requested_at
        if min(waited, idle_seconds(self._process.activity.times)) < timeout_seconds:
            return ""
        return (
            f"its process has not answered for {timeout_seconds:g} s "
            "(multiprocess.process_timeout_secs)"
        )

    async def _request_stack(self) -> str:
        """Ask the event loop of the process, which runs if an async hook waits."""
        await self._process.send(StackRequest())
        try:
            while (message := await self._process.receive()) is not None:
                if isinstance(message, Stack):
                    return message.text
        except MalformedMessageError:
            pass
        return ""
