"""A server in a thread of its own, so that a test may block on its client."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from queue import SimpleQueue

import trio

from runtime import Runtime, RuntimeConfig
from runtime.metrics import Snapshot
from runtime.service import GrpcServer, open_server
from tests.conftest import OpenRuntime

_SECONDS = 30.0


class ServingThread:
    """A server that runs.

    Attributes:
        target: "host:port".
        port: the same, without the host.
    """

    def __init__(
        self,
        server: GrpcServer,
        runtime: Runtime,
        token: trio.lowlevel.TrioToken,
        stop: trio.Event,
        ended: threading.Event,
    ) -> None:
        self.port = server.address.port
        self.target = f"127.0.0.1:{self.port}"
        self._server = server
        self.runtime = runtime
        self._token = token
        self._stop = stop
        self._ended = ended

    def settle(self, clients: int = 0) -> None:
        """Wait until no call is left, and no more clients than this."""
        trio.from_thread.run(self._settle, clients, trio_token=self._token)

    def snapshot(self) -> Snapshot:
        """Return what its registry has."""
        return trio.from_thread.run(self.runtime.metrics.collect, trio_token=self._token)

    def drain(self, seconds: float, lame_duck_seconds: float = 0) -> None:
        """Drain, and come back when that is done."""
        drain = partial(self._server.drain, seconds, lame_duck_seconds=lame_duck_seconds)
        trio.from_thread.run(drain, trio_token=self._token)

    def stop(self) -> None:
        """End without draining; the block goes on."""
        trio.from_thread.run_sync(self._stop.set, trio_token=self._token)

    def wait_ended(self) -> None:
        """Wait until it has ended."""
        assert self._ended.wait(_SECONDS)

    async def _settle(self, clients: int) -> None:
        with trio.fail_after(_SECONDS):
            await self._server.wait_idle()
            await self._server.wait_connections(clients)


@contextmanager
def serving(
    open_runtime: OpenRuntime, config: RuntimeConfig, environment: Mapping[str, str]
) -> Iterator[ServingThread]:
    """Serve for as long as the block lasts.

    Raises:
        ConfigError: as `open_server`.
    """
    told: SimpleQueue[ServingThread | BaseException] = SimpleQueue()
    stop, ended = trio.Event(), threading.Event()
    everywhere = {"GRPC_BIND_ADDRESS": "127.0.0.1:0", **environment}

    async def serve() -> None:
        async with (
            open_runtime(config) as runtime,
            open_server(runtime, environment=everywhere) as server,
        ):
            # As `millrace serve` does: what an executor keeps open is not left by the first test.
            await runtime.warm(["native"])
            token = trio.lowlevel.current_trio_token()
            told.put(ServingThread(server, runtime, token, stop, ended))
            await stop.wait()
        ended.set()

    def run() -> None:
        try:
            trio.run(serve)
        except BaseException as error:
            told.put(error)
        else:
            told.put(KeyError())

    thread = threading.Thread(target=run, name="server")
    thread.start()
    try:
        started = told.get()
        if isinstance(started, BaseException):
            raise started
        try:
            yield started
        finally:
            with suppress(trio.RunFinishedError):
                started.stop()
            outcome = told.get()
            assert isinstance(outcome, BaseException)
            if not isinstance(outcome, KeyError):
                raise outcome
    finally:
        thread.join()
