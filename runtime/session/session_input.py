"""The input of a session: chunks of its client, and items that others publish."""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import NoReturn

import trio

from actors import Control, Data

from ..errors import SessionClosedError
from ..links import DirectRun, Item, Output, PeerError, start_signal
from .control_hub import ControlHub
from .input_checker import InputChecker

OnSent = Callable[[str, Item, int], None]
"""Receives the node that a chunk enters, the chunk, and when the link there had room for it."""

OnEntered = Callable[[Data, int], None]
"""Receives a chunk that has entered, as it has, and its sequence."""

InputTap = Callable[[Item, Collection[str]], None]
"""Receives every item that enters a session, and the nodes that it enters. It must not block."""


class SessionInput:
    """Checks what enters, and puts it on the inlets.

    Attributes:
        checker: what may enter, and where.
        closed: whether no more may enter.

    Args:
        checker: what may enter, and where.
        inlets: for each node, the link on which items enter there.
        controls: delivers control messages.
        ready: set when every node is ready.
        direct: lets nodes process a chunk at once.
        on_begin: is called before the first item enters, or a source begins.
        on_peer_gone: waits for the error of a node that has closed its links, and raises it.
        has_ended: returns whether a node has ended.
    """

    def __init__(
        self,
        checker: InputChecker,
        inlets: Mapping[str, Output],
        controls: ControlHub,
        ready: trio.Event,
        direct: DirectRun,
        *,
        on_begin: Callable[[], None],
        on_peer_gone: Callable[[PeerError], Awaitable[NoReturn]],
        has_ended: Callable[[str], bool],
    ) -> None:
        self._has_ended = has_ended
        self.checker = checker
        self.closed = False
        self._inlets: Mapping[str, Output | _TimedInlet] = inlets
        self._own_inlets = inlets
        self._controls = controls
        self._ready = ready
        self._direct = direct
        self._on_begin = on_begin
        self._on_peer_gone = on_peer_gone
        self._has_begun = False
        self._has_stopped_sources = False
        self._next_sequence = 0
        self._published = 0
        self._taps: list[InputTap] = []

    async def send(
        self, data: Data, *, node: str | None, sequence: int | None, timestamp_ms: int
    ) -> int:
        """Send a chunk of the client: see `Session.send`."""
        targets = self.checker.targets(node, data)
        sequence = self._next_sequence if sequence is None else sequence
        data = self.checker.admit(data, targets, sequence=sequence, timestamp_ms=timestamp_ms)
        self._next_sequence = (sequence + 1) % 2**64
        await self._enter(data, targets, sequence, timestamp_ms)
        return sequence

    async def enter(
        self, data: Data, *, node: str, sequence: int, timestamp_ms: int, entered: OnEntered
    ) -> None:
        """Send a chunk of the client, and report when it has entered: see `Session.enter`."""
        targets = self.checker.targets(node, data)
        data = self.checker.admit(data, targets, sequence=sequence, timestamp_ms=timestamp_ms)
        self._next_sequence = (sequence + 1) % 2**64
        await self._enter(data, targets, sequence, timestamp_ms)
        entered(data, sequence)

    def announce(self, control: Control, *, node: str, sequence: int, timestamp_ms: int) -> Control:
        """Tell the nodes of a control message of the client: see `Session.announce`."""
        targets = self.checker.targets(node, control)
        self.checker.admit(control, targets, sequence=sequence, timestamp_ms=timestamp_ms)
        return self._controls.enter(control, self._running(targets))

    async def enter_announced(
        self, control: Control, *, node: str, sequence: int, timestamp_ms: int, entered: OnEntered
    ) -> None:
        """Send what `announce` has returned: see `Session.enter_announced`."""
        self._next_sequence = (sequence + 1) % 2**64
        await self._send_to([node], Item(control, sequence, "", timestamp_ms, time.monotonic_ns()))
        entered(control, sequence)

    def try_enter(
        self,
        data: Data,
        *,
        node: str,
        sequence: int,
        timestamp_ms: int,
        entered: OnEntered,
        directly: bool,
    ) -> bool:
        """Send a chunk of the client if it need not wait: see `Session.try_enter`."""
        if not self._ready.is_set() or self.closed or isinstance(data, Control):
            return False
        targets = self.checker.targets(node, data)
        data = self.checker.admit(data, targets, sequence=sequence, timestamp_ms=timestamp_ms)
        if not self._has_begun:
            self._has_begun = True
            self._on_begin()
        item = Item(data, sequence, "", timestamp_ms, time.monotonic_ns())
        direct, inlet = self._direct, self._inlets[node]
        if directly:
            direct.begin()
        try:
            if not inlet.try_send(item):
                self.checker.take_back(data)
                return False
            self._next_sequence = (sequence + 1) % 2**64
            for tap in self._taps:
                tap(item, targets)
            entered(data, sequence)
        except PeerError:
            self.checker.take_back(data)
            return False  # `enter` waits for the node's error
        finally:
            if directly:
                direct.finish()
        return True

    async def publish(self, data: Data, *, node: str, timestamp_ms: int) -> int:
        """Send an item of somebody else: see `Session.publish`."""
        targets = self.checker.targets(node, data)
        sequence = self._published
        data = self.checker.admit(data, targets, sequence=sequence, timestamp_ms=timestamp_ms)
        self._published += 1
        await self._enter(data, targets, sequence, timestamp_ms)
        return sequence

    async def enter_barrier(self, node: str, barrier: Control) -> None:
        """Put a barrier on the inlet of a node; there is none after the end of the input."""
        if not self.closed:
            await self._inlets[node].send(Item(barrier))

    async def start_sources(self) -> None:
        """Let every source that generates items begin, unless they were stopped before."""
        if self._has_stopped_sources:
            return
        if not self._has_begun:
            self._has_begun = True
            self._on_begin()
        for node in self.checker.generating:
            try:
                await self._inlets[node].send(Item(start_signal()))
            except PeerError as error:
                await self._on_peer_gone(error)

    async def stop_sources(self) -> None:
        """Let every source that generates items flush, and end its stream."""
        if self._has_stopped_sources:
            return
        self._has_stopped_sources = True
        for node in self.checker.generating:
            if not self._has_ended(node):
                await self._end(node)

    async def close(self) -> None:
        """End the stream at every node that does not generate items itself."""
        self.closed = True
        await self._ready.wait()
        for node in self._inlets:
            if node not in self.checker.generating:
                await self._end(node)

    async def _end(self, node: str) -> None:
        try:
            await self._inlets[node].end()
        except PeerError as error:
            await self._on_peer_gone(error)

    def add_tap(self, tap: InputTap) -> None:
        """Call `tap` with every item that enters, and the nodes that it enters."""
        self._taps.append(tap)

    def remove_tap(self, tap: InputTap) -> None:
        """Stop that."""
        self._taps.remove(tap)

    def set_sent(self, on_sent: OnSent | None) -> None:
        """Call `on_sent` with every chunk that is on its link; None stops that."""
        if on_sent is None:
            self._inlets = self._own_inlets
        else:
            self._inlets = {
                node: _TimedInlet(node, inlet, on_sent) for node, inlet in self._own_inlets.items()
            }

    async def _enter(
        self, data: Data, targets: Collection[str], sequence: int, timestamp_ms: int
    ) -> None:
        # Waiting for what is so already would cost a turn of the scheduler. A sender that never
        # waits lets others run where the first link is full, or by a checkpoint of its own.
        if not self._ready.is_set():
            await self._ready.wait()
        if isinstance(data, Control):
            targets = self._running(targets)
            data = self._controls.enter(data, targets)
        await self._send_to(targets, Item(data, sequence, "", timestamp_ms, time.monotonic_ns()))

    def _running(self, targets: Collection[str]) -> list[str]:
        return [node for node in targets if not self._has_ended(node)]

    async def _send_to(self, targets: Collection[str], item: Item) -> None:
        for tap in self._taps:
            tap(item, targets)
        for target in targets:
            if self.closed:
                raise SessionClosedError("the session takes no more chunks: its input was closed")
            if not self._has_begun:
                self._has_begun = True
                self._on_begin()
            try:
                await self._inlets[target].send(item)
            except PeerError as error:
                await self._on_peer_gone(error)


class _TimedInlet:
    """The link to a node, on which chunks enter that are followed."""

    def __init__(self, node_id: str, inlet: Output, on_sent: OnSent) -> None:
        self._node_id = node_id
        self._inlet = inlet
        self._on_sent = on_sent

    def try_send(self, item: Item) -> bool:
        if not self._inlet.try_send(item):
            return False
        self._note(item)
        return True

    async def send(self, item: Item) -> None:
        await self._inlet.send(item)
        self._note(item)

    def _note(self, item: Item) -> None:
        if not isinstance(item.data, Control):
            self._on_sent(self._node_id, item, time.monotonic_ns())

    async def end(self) -> None:
        await self._inlet.end()
