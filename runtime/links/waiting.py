"""How an end of a link waits for the other: in trio, or by blocking the thread."""

import math
import os
import select
from collections.abc import Callable, Sequence
from typing import Protocol

import trio


class Waiting(Protocol):
    """Waits for a descriptor.

    Attributes:
        shares_loop: whether other nodes use the same event loop.
    """

    shares_loop: bool

    def can_continue(self) -> bool:
        """Return whether nobody else needs a turn now."""

    def block(self, descriptor: int) -> bool:
        """Return True when there is something to read, or False if `readable` must do it."""

    async def readable(self, descriptor: int) -> None:
        """Return when there is something to read."""


class TrioWaiting:
    """Waits as every task does, and lets the others run."""

    shares_loop = True

    def can_continue(self) -> bool:
        """Return False."""
        return False

    def block(self, descriptor: int) -> bool:
        """Return False."""
        return False

    async def readable(self, descriptor: int) -> None:
        """Return when there is something to read."""
        await trio.lowlevel.wait_readable(descriptor)


class BlockingWaiting:
    """Waits in one system call, for a process in which no other task has anything to do.

    A turn of trio's scheduler costs several times such a call, and a synchronous actor has no use
    for it. Whatever else the process waits for interrupts: then that wait is trio's.

    To look for some time before going to sleep does not pay: with 50 us of it, a round trip from
    the server and back took 50 us rather than 38 (2 cores, 25 November 2026).

    Attributes:
        is_sole_task: tells whether no other task waits for anything but the interrupts.
        seconds_left: tells how long that stays so; None for as long as nothing interrupts.
        on_wake: is called after each wait.

    Args:
        interrupts: descriptors that become readable when another task has something to do.
    """

    shares_loop = False

    def __init__(self, interrupts: Sequence[int]) -> None:
        self.is_sole_task: Callable[[], bool] = _always_false
        self.seconds_left: Callable[[], float | None] = _no_end
        self.on_wake: Callable[[], None] = _do_nothing
        self._interrupts = interrupts
        self._interrupt_poll = _poll_of(*interrupts)
        self._polls: dict[int, select.poll] = {}

    def can_continue(self) -> bool:
        """Return whether nothing interrupts."""
        return self.is_sole_task() and not self._interrupt_poll.poll(0)

    def block(self, descriptor: int) -> bool:
        """Block until there is something to read: from the descriptor, or from an interrupt."""
        if not self.is_sole_task():
            return False
        poll = self._polls.get(descriptor)
        if poll is None:
            poll = self._polls[descriptor] = _poll_of(descriptor, *self._interrupts)
        left = self.seconds_left()
        ready = poll.poll() if left is None else poll.poll(math.ceil(1000 * left))
        self.on_wake()
        return len(ready) == 1 and ready[0][0] == descriptor

    async def readable(self, descriptor: int) -> None:
        """Return when there is something to read."""
        if not self.block(descriptor):
            await trio.lowlevel.wait_readable(descriptor)
            self.on_wake()


def _poll_of(*descriptors: int) -> select.poll:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return poll


def _always_false() -> bool:
    return False


def _no_end() -> float | None:
    return None


def _do_nothing() -> None:
    pass


class Interrupt:
    """A descriptor that a signal's handler makes readable. Close it."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def set(self) -> None:
        """Make it readable, for good."""
        os.eventfd_write(self._descriptor, 1)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)
