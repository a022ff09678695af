"""A server with two workers, and clients of a certain worker."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import psutil
import trio

from runtime.client import RemoteRuntime, RemoteStream, connect
from runtime.session import worker_of
from tests.service.serve_process import ServeProcess, serve_process
from tests.session.pipelines import chain

SECONDS: Final = 60
ECHO: Final = chain("PassThrough", ["native"])
ECHO_IN_A_PROCESS: Final = chain("PassThrough", ["multiprocess"])

_SETTINGS: Final = """
[server]
workers = 2
{server}
[limits]
max_sessions = 4
session_wait_secs = 30
max_total_processes = 3
[http]
enabled = true
bind_address = "127.0.0.1:0"
{http}
"""
_TOKENS: Final = {"MILLRACE_ADMIN_TOKENS": "operator", "MILLRACE_HTTP_TOKENS": "scraper"}
_HTTP: Final = re.compile(r"metrics and health on http://(\S+)")


class WithWorkers:
    """The server.

    Attributes:
        serve: its supervisor.
        address: of the gRPC port.
    """

    def __init__(self, serve: ServeProcess) -> None:
        self.serve = serve
        self.address = f"127.0.0.1:{serve.port}"

    @property
    def http_address(self) -> str:
        """Where the HTTP port listens."""
        found = _HTTP.search(self.serve.log())
        assert found is not None
        return found[1]

    def get(self, path: str) -> tuple[int, str]:
        """Return the status and the body of a request to the HTTP port, in a new connection."""
        connection = HTTPConnection(self.http_address, timeout=SECONDS)
        try:
            connection.request("GET", path, headers={"Authorization": "Bearer scraper"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def metrics(self) -> dict[str, float]:
        """Return the samples of /metrics, by name with labels."""
        status, text = self.get("/metrics")
        assert status == 200, text
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in lines}

    def worker(self, number: int) -> psutil.Process:
        """Return the process of a worker."""
        (found,) = self._titled(f"millrace: worker {number}")
        return found

    def _titled(self, title: str) -> list[psutil.Process]:
        found = []
        for process in self.serve.family():
            with suppress(psutil.NoSuchProcess):  # it has just ended
                if process.cmdline()[:1] == [title]:
                    found.append(process)
        return found

    @asynccontextmanager
    async def client(self) -> AsyncIterator[RemoteRuntime]:
        """Connect as the operator, to some worker."""
        async with connect(self.address, token="operator", timeout_seconds=SECONDS) as runtime:
            yield runtime

    @asynccontextmanager
    async def stream_at(self, number: int, manifest: object = ECHO) -> AsyncIterator[RemoteStream]:
        """Open a stream at a worker: connect until the kernel chooses that one."""
        for _ in range(64):
            async with AsyncExitStack() as stack:
                runtime = await stack.enter_async_context(self.client())
                stream = await stack.enter_async_context(runtime.stream(manifest))  # type: ignore[arg-type]
                await stream.wait_ready()
                if worker_of(stream.session_id) == number:
                    kept = stack.pop_all()
                    break
                # The stream ends when its session has: nothing of it is seen in what follows.
                await stream.close()
                while await stream.receive() is not None:
                    pass
        else:
            raise AssertionError(f"no connection in 64 came to worker {number}")
        nodes = self._titled(f"millrace: n0 {stream.session_id}")
        assert nodes or manifest is not ECHO_IN_A_PROCESS
        async with kept:
            yield stream
        # The server ends the node a little after its client has gone.
        await trio.to_thread.run_sync(psutil.wait_procs, nodes, SECONDS)

    def wait_for_log(self, text: str, count: int = 1) -> None:
        """Wait until the log has a text so many times."""
        import time

        deadline = time.monotonic() + SECONDS
        while self.serve.log().count(text) < count:
            assert time.monotonic() < deadline, self.serve.log()
            time.sleep(0.02)  # a file cannot be waited for


@contextmanager
def with_workers(folder: Path, *, server: str = "", http: str = "") -> Iterator[WithWorkers]:
    """Serve with two workers during the block."""
    settings = folder / "runtime.toml"
    settings.write_text(_SETTINGS.format(server=server, http=http))
    with serve_process("--config", settings, variables=_TOKENS) as serve:
        yield WithWorkers(serve)


async def echo(stream: RemoteStream) -> None:
    """Send a chunk, and receive its result."""
    await stream.send("x")
    with trio.fail_after(SECONDS):
        assert await stream.receive() is not None
