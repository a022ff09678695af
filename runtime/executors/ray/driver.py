"""The server's end of the process of the Ray driver."""

import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from itertools import count
from typing import Final

import msgspec
import trio

from ...errors import PipelineError, UnwrappedErrors
from ...plan import ClusterRequest
from .driver_messages import (
    ClusterNode,
    Connect,
    Connected,
    EndWorker,
    FromDriver,
    Place,
    Refused,
    RunNode,
    Survey,
    Surveyed,
    ToDriver,
    WorkerEnded,
    WorkerOpened,
    line_of,
)
from .gcs_check import check_gcs

# Importing Ray and connecting take 2 s (2026-11-27, 2 cores), more on a busy machine. Ray itself
# gives up after minutes, and says so by ending the process.
_CONNECT_SECONDS: Final = 60.0
_END_SECONDS: Final = 2.0
_READ_BYTES: Final = 65536
_TAIL_LINES: Final = 20
_ENVIRONMENT: Final = {"RAY_USAGE_STATS_ENABLED": "0"}


class PlacedWorker:
    """A worker that Ray is to start, or has started.

    Attributes:
        number: of the worker at the driver.
        opened: set when it listens; `address` and `info` are known then.
        ended: set when it has ended, or cannot be started; `reason` is known then.
    """

    def __init__(self, number: int, driver: "Driver") -> None:
        self.number = number
        self.opened = trio.Event()
        self.ended = trio.Event()
        self.reason = ""
        self.message: WorkerOpened | None = None
        self._driver = driver

    def run(self, key: bytes, silence_seconds: float, certificate: bytes) -> None:
        """Let it wait for its node, with the key of the session's secret and its certificate."""
        path = [entry or os.getcwd() for entry in sys.path]
        self._driver.send(RunNode(self.number, key, path, silence_seconds, certificate))

    def end(self) -> None:
        """Let Ray kill it, or not start it any more."""
        if not self.ended.is_set():
            self._driver.send(EndWorker(self.number))


class Driver:
    """Requests of the server to the process of the driver, and what that reports.

    Attributes:
        connected: the cluster, once it is connected.
        lost: set when the process has ended; `loss` is known then.
    """

    def __init__(self, stream: trio.SocketStream, process: trio.Process) -> None:
        self.connected: Connected | None = None
        self.lost = trio.Event()
        self.loss = ""
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._stream, self._process = stream, process
        self._numbers = count(1)
        self._workers: dict[int, PlacedWorker] = {}
        self._surveys: dict[int, trio.Event] = {}
        self._found: dict[int, list[ClusterNode]] = {}
        # Unbounded: a request is small, and there are few for each node.
        self._requests, self._unsent = trio.open_memory_channel[ToDriver](1_000_000)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def send(self, request: ToDriver) -> None:
        """Send a request; one to a process that is gone is lost."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            self._requests.send_nowait(request)

    def place(self, request: ClusterRequest) -> PlacedWorker:
        """Let Ray start a worker where there is room for it. Whoever has it calls `end`."""
        worker = PlacedWorker(next(self._numbers), self)
        self._workers[worker.number] = worker
        self.send(
            Place(
                worker.number,
                request.cpus,
                request.memory_bytes,
                request.gpus,
                dict(request.labels),
            )
        )
        return worker

    async def survey(self) -> list[ClusterNode]:
        """Return the nodes of the cluster; none if the process of the driver has ended."""
        if self.lost.is_set():
            return []
        number = next(self._numbers)
        answered = self._surveys[number] = trio.Event()
        self.send(Survey(number))
        try:
            await answered.wait()
        finally:
            del self._surveys[number]
        return self._found.pop(number, [])

    async def run(self) -> None:
        """Send and receive until the process ends, then report that."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_requests)
            nursery.start_soon(self._keep_tail)
            try:
                await self._receive()
            finally:
                nursery.cancel_scope.cancel()
        with trio.move_on_after(_END_SECONDS):
            await self._process.wait()
        self._note_loss()

    def _note_loss(self) -> None:
        if not self.loss:
            self.loss = f"the process of the Ray driver has ended{self._last_words()}"
        self.lost.set()
        for answered in self._surveys.values():
            answered.set()

    def _last_words(self) -> str:
        words = next((line for line in reversed(self.tail) if "gcs" in line.lower()), "")
        words = words or next(iter(reversed(self.tail)), "")
        return f": {words}" if words else ""

    async def _send_requests(self) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for request in self._unsent:
                await self._stream.send_all(line_of(request))

    async def _keep_tail(self) -> None:
        assert self._process.stderr is not None
        pending = b""
        async for data in self._process.stderr:
            *lines, pending = (pending + data).split(b"\n")
            pending = pending[-_READ_BYTES:]
            self.tail += [line.decode(errors="replace").strip() for line in lines if line.strip()]

    async def _receive(self) -> None:
        decode = msgspec.json.Decoder(FromDriver).decode
        pending = bytearray()
        while True:
            try:
                data = await self._stream.receive_some(_READ_BYTES)
            except trio.BrokenResourceError:
                return
            if not data:
                return
            pending += data
            *lines, rest = pending.split(b"\n")
            pending = rest
            for line in lines:
                self._handle(decode(line))

    def _handle(self, message: FromDriver) -> None:
        match message:
            case Connected():
                self.connected = message
            case Refused(reason):
                self.loss = reason
            case WorkerOpened(number):
                if number in self._workers:
                    self._workers[number].message = message
                    self._workers[number].opened.set()
            case WorkerEnded(number, reason):
                worker = self._workers.pop(number, None)
                if worker is not None:
                    worker.reason = reason
                    worker.ended.set()
            case Surveyed(number, nodes):
                if number in self._surveys:
                    self._found[number] = nodes
                    self._surveys[number].set()


async def first_of(*events: trio.Event) -> None:
    """Return when one of them is set."""
    async with trio.open_nursery() as nursery:

        async def wait(event: trio.Event) -> None:
            await event.wait()
            nursery.cancel_scope.cancel()

        for event in events:
            nursery.start_soon(wait, event)


@asynccontextmanager
async def open_driver(address: str, *, without: Collection[str] = ()) -> AsyncIterator[Driver]:
    """Start the process of the driver and connect it to a cluster, as long as the block lasts.

    Args:
        address: "HOST:PORT" of the GCS; empty for the cluster that runs on this machine.
        without: variables of the environment that it does not inherit: those with secrets.

    Raises:
        PipelineError: it cannot connect.
    """
    if address:
        await check_gcs(address)
    ours, theirs = socket.socketpair()
    environment = {name: value for name, value in os.environ.items() if name not in without}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    try:
        with theirs:
            process = await trio.lowlevel.open_process(
                [sys.executable, "-P", "-m", f"{__package__}.driver_main", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                env=_ENVIRONMENT | environment,
                cwd="/",  # Ray adds it to the path of its workers
                start_new_session=True,
            )
    except OSError as error:
        ours.close()
        raise PipelineError(f"the process of the Ray driver cannot be started: {error}") from error
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
    try:
        driver = Driver(stream, process)
        with UnwrappedErrors():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(driver.run)
                await _connect(driver, address)
                yield driver
                nursery.cancel_scope.cancel()
    finally:
        ours.close()
        with trio.CancelScope(shield=True):
            await _end(process)


async def _connect(driver: Driver, address: str) -> None:
    where = address or "this machine"
    driver.send(Connect(address))
    with trio.move_on_after(_CONNECT_SECONDS):
        await driver.survey()
    if driver.lost.is_set():
        raise PipelineError(f"cannot connect to the Ray cluster at {where}: {driver.loss}")
    if driver.connected is None:
        raise PipelineError(
            f"cannot connect to the Ray cluster at {where} within {_CONNECT_SECONDS:g} s"
        )


async def _end(process: trio.Process) -> None:
    with trio.move_on_after(_END_SECONDS):
        await process.wait()
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
        await process.wait()
    if process.stderr is not None:
        await process.stderr.aclose()


def check_installed() -> None:
    """Return if Ray is installed here.

    Raises:
        PipelineError: it is not.
    """
    if find_spec("ray") is None:
        raise PipelineError(
            'the executor ray needs Ray: pip install "millrace-runtime[ray]", with the version of '
            "the cluster"
        )
