"""A worker's membership: what it does for its supervisor, and gets from it."""

import logging
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Final

import trio

from ..errors import UnwrappedErrors
from ..metrics import Registry, Snapshot
from ..service import Peers
from ..session import Shares
from .channel import Channel, ChannelEndedError
from .messages import (
    Collect,
    Collected,
    Drain,
    Ending,
    Granted,
    Ping,
    Pong,
    Ready,
    Refused,
    SharedState,
    Taken,
    TakeSnapshot,
    ToSupervisor,
    ToWorker,
    WorkerSpec,
)
from .shared_capacity import SharedCapacity
from .shared_endings import SharedEndings

_log: Final = logging.getLogger("millrace.workers")

# The clean-up of a worker without a supervisor takes less; see `worker_process.END_SECONDS`.
_END_SECONDS: Final = 15.0
_COLLECT_SECONDS: Final = 5.0

MemberChannel = Channel[ToSupervisor, ToWorker]


class Member:
    """This process as one of the workers.

    Attributes:
        spec: what it runs with.
        shares: what its runtime shares with those of the others.
        peers: the other workers.
        draining: set when it is told to shut down.
    """

    def __init__(self, spec: WorkerSpec, channel: MemberChannel) -> None:
        self.spec = spec
        self.draining = trio.Event()
        self._channel = channel
        self._capacity = SharedCapacity(spec.config.limits, channel.put)
        self._endings = SharedEndings(channel.put)
        self.shares = Shares(spec.number, self._capacity, self._endings)
        self.peers = Peers(spec.number)
        self._registry: Registry | None = None
        self._numbers = count(1)
        self._collected: dict[int, Snapshot | trio.Event] = {}

    def report_ready(self, registry: Registry, calls: str, announced: tuple[str, ...]) -> None:
        """Report that calls are accepted.

        Args:
            registry: has the figures of this worker.
            calls: the path at which other workers reach it.
            announced: lines about its HTTP port.
        """
        self._registry = registry
        self._channel.put(Ready(calls, announced))

    async def collect(self) -> Snapshot:
        """Return the metrics of all workers.

        Raises:
            trio.TooSlowError: the supervisor does not answer.
        """
        number = next(self._numbers)
        arrived = self._collected[number] = trio.Event()
        try:
            self._channel.put(Collect(number))
            with trio.fail_after(_COLLECT_SECONDS):
                await arrived.wait()
            snapshot = self._collected[number]
            assert isinstance(snapshot, Snapshot)
            return snapshot
        finally:
            del self._collected[number]

    async def follow(self, nursery: trio.Nursery) -> None:
        """Carry out what the supervisor sends.

        Raises:
            ChannelEndedError: it has ended.
        """
        while True:
            match await self._channel.receive():
                case Granted() | Refused() as answer:
                    self._capacity.answer(answer)
                case SharedState(workers=workers) as state:
                    self._capacity.follow(state)
                    self.peers.update(
                        {worker.number: (worker.process_id, worker.peers) for worker in workers},
                        state.ended,
                    )
                case Ending() as ending:
                    self._endings.add_numbered(ending)
                case TakeSnapshot(number):
                    nursery.start_soon(self._send_snapshot, number)
                case Collected(number, snapshot):
                    arrived = self._collected.get(number)
                    if isinstance(arrived, trio.Event):
                        self._collected[number] = snapshot
                        arrived.set()
                case Ping():
                    self._channel.put(Pong())
                case Drain():
                    self.draining.set()
                case WorkerSpec():
                    pass  # only the first message is one

    async def _send_snapshot(self, number: int) -> None:
        if self._registry is not None:
            self._channel.put(Taken(number, await self._registry.collect()))


@asynccontextmanager
async def open_member(control: socket.socket) -> AsyncIterator[Member]:
    """Be a worker during the block, which is cancelled when the supervisor has ended.

    Args:
        control: this end of the control channel.
    """
    channel: MemberChannel = Channel(control)
    supervisor_ended = False

    async def run(task: Callable[..., Awaitable[None]], *arguments: object) -> None:
        nonlocal supervisor_ended
        try:
            await task(*arguments)
        except ChannelEndedError:
            if not supervisor_ended:
                supervisor_ended = True
                # For a clean-up that does not end: SIGALRM is fatal where nobody handles it.
                signal.setitimer(signal.ITIMER_REAL, _END_SECONDS)
                _log.info("the supervisor has ended, and so does this worker")
            nursery.cancel_scope.cancel()

    with UnwrappedErrors():
        try:
            spec = await channel.receive()
        except ChannelEndedError:
            raise SystemExit(1) from None
        assert isinstance(spec, WorkerSpec)
        member = Member(spec, channel)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run, channel.send_waiting)
                nursery.start_soon(run, member.follow, nursery)
                yield member
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await channel.close()
