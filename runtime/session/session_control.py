"""The part of a session's API that controls its nodes while they run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

from actors import Data

from ..errors import InputError
from ..execution import NodeState
from .bus_node import Decide
from .control_bus import DEFAULT_DEADLINE_SECONDS, ControlBus
from .session_input import InputTap, SessionInput
from .taps import TapQueue

_TAP_ITEMS: Final = 1024


class SessionControl:
    """Taps, intercepts, node states and published items of a session.

    Attributes:
        bus: what all of them use.
    """

    bus: ControlBus
    _input: SessionInput

    @asynccontextmanager
    async def tap(self, *addresses: str, capacity: int = _TAP_ITEMS) -> AsyncIterator[TapQueue]:
        """See every output of nodes while the block lasts; the session never waits for the reader.

        Args:
            addresses: the nodes, as in "vad.out" or "vad".
            capacity: outputs that may wait to be read; more are missed, and counted.

        Raises:
            UnknownNodeError: the pipeline has no such node.
            InputError: an address is not the output of a node.

        Example:
            async with session.tap("vad.out") as outputs:
                async for output in outputs:
                    print(output.node_id, output.sequence, output.data)
        """
        queue = TapQueue(capacity=capacity)
        try:
            for address in addresses:
                await self.bus.add_tap(_node_of(address), queue)
            yield queue
        finally:
            with trio.CancelScope(shield=True):
                await self.bus.forget_tap(queue)

    @asynccontextmanager
    async def intercept(
        self, address: str, decide: Decide, *, deadline_seconds: float = DEFAULT_DEADLINE_SECONDS
    ) -> AsyncIterator[None]:
        """Decide on every output of a node, for as long as the block lasts.

        Args:
            address: the node, as in "vad.out" or "vad".
            decide: returns the output, another item in its place, or None to drop it.
            deadline_seconds: when an output passes that `decide` has not decided on.

        Raises:
            UnknownNodeError: the pipeline has no such node.
            InputError: the address is not the output of a node.
        """
        node = _node_of(address)
        token = await self.bus.set_intercept(node, decide, deadline_seconds)
        try:
            yield
        finally:
            with trio.CancelScope(shield=True):
                await self.bus.remove_intercept(node, token)

    async def set_node_state(self, node: str, state: NodeState) -> None:
        """Enable, bypass or disable a node, from its next item on.

        Items that were published into it before are processed in the old state.

        Raises:
            UnknownNodeError: the pipeline has no such node.
        """
        await self.bus.set_state(node, state)

    async def publish(self, data: Data, *, node: str, timestamp_ms: int = 0) -> int:
        """Send an item into a node, beside what the session's client sends.

        Its results go downstream, and to the session's client, as a chunk's do.

        Args:
            data: the item.
            node: the node that it enters.
            timestamp_ms: passed to the nodes and the results.

        Returns:
            Its sequence. Published items are counted from 0, apart from the client's chunks.

        Raises:
            InputError: not a data item, or of a kind that the node does not take.
            UnknownNodeError: the pipeline has no such node.
            LimitError: it has more audio samples than the session may still take.
            SessionClosedError: the session takes no more input.
        """
        sequence = await self._input.publish(data, node=node, timestamp_ms=timestamp_ms)
        self.bus.note_published(node)
        return sequence

    def add_input_tap(self, tap: InputTap) -> None:
        """Call `tap` with every item that enters, and the nodes that it enters."""
        self._input.add_tap(tap)

    def remove_input_tap(self, tap: InputTap) -> None:
        """Stop that."""
        self._input.remove_tap(tap)


def _node_of(address: str) -> str:
    node, _, port = address.partition(".")
    if port not in ("", "out"):
        raise InputError(f"address {address!r}: expected the output of a node, such as {node}.out")
    return node
