"""An inbox that calls the hooks of an actor at their intervals, between two items."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, Self

import trio

from actors import Actor

from ..errors import NodeError
from ..links import Item

OnDue = Callable[[str], Awaitable[None]]
"""Calls the method of this name, and emits its outputs."""


class ItemInbox(Protocol):
    """Receives the items of a node."""

    def try_receive(self) -> Item | None:
        """Return the next item without a turn of trio's scheduler; None if `receive` must."""

    async def receive(self) -> Item:
        """Return the next item."""

    def take(self) -> Item | None:
        """Return an item that is here already, or None."""


class TimedInbox:
    """The inbox of an actor with `@on_interval`.

    Args:
        inbox: the inbox of the node.
        intervals: name of a method -> seconds.
        on_due: calls a method.
    """

    @classmethod
    def of(cls, actor: Actor[Any], inbox: ItemInbox, on_due: OnDue) -> Self:
        """Return the inbox of an actor, whose intervals may be params of it.

        Raises:
            NodeError: an interval is not positive.
        """
        intervals = {
            name: float(getattr(actor.params, seconds)) if isinstance(seconds, str) else seconds
            for name, seconds in actor.intervals.items()
        }
        for name, seconds in intervals.items():
            if not seconds > 0:
                message = f"the interval of {name}() is {seconds:g} s; it must be more than 0"
                raise NodeError(actor.context.node_id, message)
        return cls(inbox, intervals, on_due)

    def __init__(self, inbox: ItemInbox, intervals: Mapping[str, float], on_due: OnDue) -> None:
        self._inbox = inbox
        self._intervals = intervals
        self._on_due = on_due
        now = trio.current_time()
        self._due = {name: now + seconds for name, seconds in intervals.items()}

    def try_receive(self) -> Item | None:
        """Return the next item, if it is here and no call is due."""
        if trio.current_time() >= min(self._due.values()):
            return None
        return self._inbox.try_receive()

    async def receive(self) -> Item:
        """Make the calls that are due, and return the next item of any link.

        Raises:
            trio.EndOfChannel: every link's stream has ended.
            PeerError: another end vanished, or is broken.
        """
        while True:
            await self._call_due()
            with trio.move_on_at(min(self._due.values())):
                return await self._inbox.receive()

    def take(self) -> Item | None:
        """Return an item that is here already, or None."""
        return self._inbox.take()

    async def _call_due(self) -> None:
        while (now := trio.current_time()) >= min(self._due.values()):
            name = min(self._due, key=self._due.__getitem__)
            seconds = self._intervals[name]
            # Calls that were missed are left out, and the next keeps the rhythm.
            missed = (now - self._due[name]) // seconds
            self._due[name] += (missed + 1) * seconds
            await self._on_due(name)
