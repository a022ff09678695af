"""The supervisor: starts the workers, restarts those that die, and keeps what they share."""

import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

import trio

from ..config import RuntimeConfig, ServerAddress
from ..errors import PipelineError, UnwrappedErrors
from ..metrics import Snapshot, counters_of, merged
from ..service import listening_socket, shared_listening_sockets
from ..session import EndedSession, RecentEndings, sweep_leftovers
from .channel import Channel, ChannelEndedError
from .messages import (
    Began,
    Collect,
    Collected,
    Drain,
    Ended,
    Ending,
    Pong,
    Ready,
    Release,
    Reserve,
    SharedState,
    Taken,
    ToSupervisor,
    WorkerAddress,
    WorkerSpec,
)
from .places import open_places
from .restarts import Restarts
from .worker import Worker, WorkerChannel
from .worker_process import WorkerProcess, start_worker

_log: Final = logging.getLogger("millrace.workers")

# A worker whose event loop runs answers in milliseconds.
_SNAPSHOT_SECONDS: Final = 2.0


class WorkerStartError(PipelineError):
    """A worker that has ended before it was ready; it has reported the reason itself.

    Attributes:
        exit_status: of its process.
    """

    def __init__(self, number: int, ending: str, exit_status: int) -> None:
        super().__init__(f"worker {number} did not start: {ending}")
        self.exit_status = exit_status


@dataclass(frozen=True, slots=True)
class SharedPorts:
    """The ports of all workers.

    Attributes:
        address: of the gRPC port, with the actual port.
        http_address: the same of the HTTP port; None where that is off.
        listening: a socket for each worker, and for the HTTP port too, until it is started.
    """

    address: ServerAddress
    http_address: ServerAddress | None
    listening: dict[int, list[socket.socket]]

    def take(self, number: int) -> list[socket.socket]:
        """Return the sockets of a worker that is started, which the caller closes."""
        taken = self.listening.pop(number, [])
        if taken:
            return taken
        addresses = [each for each in (self.address, self.http_address) if each is not None]
        with ExitStack() as opened:
            for address in addresses:
                taken.append(opened.enter_context(listening_socket(address, is_shared=True)))
            opened.pop_all()
        return taken


class Supervisor:
    """Runs the workers.

    Attributes:
        address: that they listen on.
        announced: lines about the HTTP port.
        restarts: how many were started again.
    """

    def __init__(self, config: RuntimeConfig, command: Sequence[str], ports: SharedPorts) -> None:
        self.address = ports.address
        self.announced: tuple[str, ...] = ()
        self.restarts = 0
        self._config = _of_a_worker(config)
        self._command = command
        self._ports = ports
        self._places = open_places(config.limits)
        self._endings = RecentEndings()
        self._ended: Counter[str] = Counter()  # of workers that are gone, by outcome
        self._workers: dict[int, Worker] = {}
        self._retired: Snapshot | None = None
        self._collecting = trio.Lock()
        self._stopping = trio.Event()
        self._running = config.server.workers
        self._all_ended = trio.Event()

    @property
    def sessions(self) -> int:
        """How many sessions run, in all workers."""
        return self._places.sessions

    def drain(self) -> None:
        """Let all workers shut down in steps; none is started again."""
        self._stopping.set()
        # Sessions that wait are refused by their workers, which know how to tell their clients.
        self._places.wait_seconds = 0
        for worker in self._workers.values():
            worker.channel.put(Drain())

    async def wait_ended(self) -> None:
        """Wait until all workers have ended."""
        await self._all_ended.wait()

    async def collect(self) -> Snapshot | None:
        """Return the metrics of all workers, those that have ended too; None if none answers.

        Counters never go back: what a worker has reported last counts on when it is gone.
        """
        async with self._collecting:
            answered: list[Snapshot] = []
            silent: list[Snapshot] = []

            async def ask(worker: Worker) -> None:
                known = worker.snapshot
                snapshot = await worker.take_snapshot(_SNAPSHOT_SECONDS)
                if snapshot is not None:
                    answered.append(snapshot)
                elif known is not None and self._workers.get(worker.number) is worker:
                    silent.append(counters_of(known))

            async with trio.open_nursery() as nursery:
                for worker in self._ready():
                    nursery.start_soon(ask, worker)
            if not answered:
                return None
            retired = [] if self._retired is None else [self._retired]
            return replace(merged([*answered, *silent, *retired]), worker_restarts=self.restarts)

    async def report_state(self) -> None:
        """Send every worker what all hold and which are ready, at each change; until cancelled."""
        while True:
            self._send_state()
            await self._places.wait_changed()

    async def keep(  # noqa: ASYNC114, ASYNC128 (the first start of the worker calls it)
        self, number: int, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Run a worker until the drain, and start it again when it ends unexpectedly.

        Raises:
            WorkerStartError: it was never ready, or it died too often.
        """
        restarts = Restarts()
        report_ready: Callable[[], None] | None = task_status.started
        while True:
            worker = await self._run(number, report_ready)
            if self._stopping.is_set():
                break
            seconds = restarts.delay_after(trio.current_time(), worker.ready_at)
            is_first = report_ready is not None and not worker.peers
            if is_first or seconds is None:
                status = worker.process.exit_status or 1
                raise WorkerStartError(number, worker.process.ending, status)
            report_ready = None
            self.restarts += 1
            fields = {"worker": number, "in_seconds": seconds}
            _log.warning("worker is started again", extra=fields)
            with trio.move_on_after(seconds):
                await self._stopping.wait()
            if self._stopping.is_set():
                break
        self._running -= 1
        if not self._running:
            self._all_ended.set()

    async def _run(self, number: int, report_ready: Callable[[], None] | None) -> Worker:
        """Run a worker once, and return it when it has ended."""
        process, channel = self._start(number)
        worker: Worker | None = None
        try:
            with UnwrappedErrors():
                async with trio.open_nursery() as nursery:
                    worker = Worker(number, process, channel, nursery)
                    self._workers[number] = worker
                    nursery.start_soon(channel.send_waiting)
                    for ending in self._endings.after():
                        channel.put(Ending(ending.number, ending.session))
                    if self._stopping.is_set():
                        channel.put(Drain())
                    while True:
                        self._take(worker, await channel.receive(), report_ready)
        except ChannelEndedError:
            assert worker is not None
            await self._end(worker)
            if not self._stopping.is_set() or process.exit_status:
                _log.error(
                    "worker has ended",
                    extra={
                        "worker": number,
                        "pid": process.pid,
                        "ending": process.ending,
                        "sessions_lost": worker.lost,
                    },
                )
            return worker
        except BaseException:
            if worker is not None:
                await self._end(worker)  # noqa: ASYNC102, ASYNC120 (it shields itself)
            raise

    def _start(self, number: int) -> tuple[WorkerProcess, WorkerChannel]:
        """Start the process of a worker, and put its first message.

        Raises:
            PipelineError: the system starts no process.
            ConfigError: somebody else listens at the address meanwhile.
        """
        with ExitStack() as opened:
            sockets = [opened.enter_context(each) for each in self._ports.take(number)]
            ours, theirs = socket.socketpair()
            opened.enter_context(theirs)
            try:
                process = start_worker(self._command, theirs, sockets)
            except OSError as error:
                ours.close()
                raise PipelineError(
                    f"worker {number} cannot be started: {error.strerror}"
                ) from error
            channel: WorkerChannel = Channel(ours)
            grpc, *http = (each.fileno() for each in sockets)
            channel.put(WorkerSpec(number, self._config, grpc, http[0] if http else None))
        return process, channel

    async def _end(self, worker: Worker) -> None:
        """Wait for the end of a worker, and remove what it has left if it was killed."""
        with trio.CancelScope(shield=True):
            await worker.channel.close()
            if self._workers.get(worker.number) is worker:
                del self._workers[worker.number]
            if worker.snapshot is not None:
                known = [] if self._retired is None else [self._retired]
                self._retired = merged([counters_of(worker.snapshot), *known])
            self._end_lost_sessions(worker)
            self._send_state()
            await worker.process.end()
            if worker.process.exit_status:
                await trio.to_thread.run_sync(sweep_leftovers)

    def _take(
        self, worker: Worker, message: ToSupervisor, report_ready: Callable[[], None] | None
    ) -> None:
        """Carry out a message of a worker."""
        match message:
            case Reserve():
                worker.reserve(message, self._places)
            case Release():
                worker.release(message)
            case Began(session):
                worker.open[session.session_id] = session
            case Ended(session):
                self._end_session(worker, session)
            case Taken(number, snapshot):
                worker.add_snapshot(number, snapshot)
            case Pong():
                worker.add_pong()
            case Collect():
                worker.start_soon(self._answer, worker, message)
            case Ready(peers, announced):
                worker.peers, worker.ready_at = peers, trio.current_time()
                self.announced = self.announced or announced
                self._send_state()
                if timeout := self._config.server.worker_timeout_secs:
                    worker.start_soon(worker.watch, timeout)
                if report_ready is None:
                    fields = {"worker": worker.number, "pid": worker.process.pid}
                    _log.info("worker runs again", extra=fields)
                else:
                    report_ready()

    def _end_session(self, worker: Worker, session: EndedSession) -> None:
        """Number an ended session, and tell all workers."""
        worker.end_session(session)
        self._endings.add(session)
        ending = Ending(self._endings.last_number, session)
        for each in self._workers.values():
            each.channel.put(ending)

    def _end_lost_sessions(self, worker: Worker) -> None:
        """End the sessions that a worker had when it ended."""
        for session in worker.lost_sessions():
            self._end_session(worker, session)
        self._ended.update(worker.ended)

    async def _answer(self, worker: Worker, message: Collect) -> None:
        snapshot = await self.collect()
        if snapshot is not None:
            worker.channel.put(Collected(message.number, snapshot))

    def _ready(self) -> list[Worker]:
        return [worker for worker in self._workers.values() if worker.peers]

    def _send_state(self) -> None:
        places = self._places
        state = SharedState(
            places.sessions,
            places.processes,
            places.waiting,
            tuple(
                WorkerAddress(worker.number, worker.process.pid, worker.peers)
                for worker in self._ready()
            ),
            dict(self._ended),
        )
        for worker in self._workers.values():
            worker.channel.put(state)


@asynccontextmanager
async def open_supervisor(
    config: RuntimeConfig,
    command: Sequence[str],
    address: ServerAddress,
    http_address: ServerAddress | None,
) -> AsyncIterator[Supervisor]:
    """Run `server.workers` workers during the block, which begins when all are ready.

    The end of the block ends those that still run; call `drain` before to let their sessions end.

    Args:
        config: the settings of all of them.
        command: that runs a worker, without the descriptor of its channel.
        address: of the gRPC port.
        http_address: of the HTTP port; None where that is off.

    Raises:
        ConfigError: an address cannot be listened on.
        WorkerStartError: a worker does not start, or one dies again and again.
    """
    count = config.server.workers
    with UnwrappedErrors(), ExitStack() as opened:
        grpc = [opened.enter_context(s) for s in shared_listening_sockets(address, count)]
        ports = SharedPorts(_bound(address, grpc), None, {})
        listening = [[each] for each in grpc]
        if http_address is not None:
            http = [opened.enter_context(s) for s in shared_listening_sockets(http_address, count)]
            ports = SharedPorts(ports.address, _bound(http_address, http), {})
            listening = [list(each) for each in zip(grpc, http, strict=True)]
        ports.listening.update(enumerate(listening))
        async with trio.open_nursery() as nursery:
            supervisor = Supervisor(config, command, ports)
            nursery.start_soon(supervisor.report_state)
            # The first one alone: what is wrong with the settings is reported once.
            await nursery.start(supervisor.keep, 0)
            async with trio.open_nursery() as starting:
                for number in range(1, count):
                    starting.start_soon(nursery.start, supervisor.keep, number)
            yield supervisor
            nursery.cancel_scope.cancel()


def _bound(address: ServerAddress, sockets: Sequence[socket.socket]) -> ServerAddress:
    return ServerAddress(address.host, sockets[0].getsockname()[1])


def _of_a_worker(config: RuntimeConfig) -> RuntimeConfig:
    """Return the settings with one worker's share of the connections, rounded up.

    Of those without a call it may have twice its share: the kernel gives connections that come
    together to workers at random.
    """
    workers = config.server.workers
    keys = "max_connections", "max_connections_per_peer"
    shares = {key: -(-getattr(config.server, key) // workers) for key in keys}
    unused = config.server.max_unauthenticated_connections
    shares["max_unauthenticated_connections"] = min(unused, -(-2 * unused // workers))
    http = {"max_connections": -(-config.http.max_connections // workers)}
    return config.model_copy(
        update={
            "server": config.server.model_copy(update=shares),
            "http": config.http.model_copy(update=http),
        }
    )
