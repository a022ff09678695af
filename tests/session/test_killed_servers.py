"""What becomes of a server's children and leftovers when it is killed."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import psutil
import pytest
import trio

from actors import Text
from runtime import PipelineError, RuntimeConfig
from runtime.session.instance import open_instance
from tests.conftest import SEGMENTS, OpenRuntime

from .pipelines import chain, run_through

REPOSITORY = Path(__file__).parents[2]


def folder() -> Path:
    """Return the folder of all servers."""
    return Path(tempfile.gettempdir(), f"millrace-{os.getuid()}")


@pytest.fixture(autouse=True)
def own_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no server that another user of this machine starts sweep what is looked for here."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    # Nobody else would sweep what the killed servers left.
    with suppress(PipelineError), open_instance():
        pass


class Server:
    """Another server, in a process of its own."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.pids: list[int] = []
        self._told = b""

    async def line(self) -> list[int]:
        """Return the numbers of the next line that it prints."""
        assert self.process.stdout is not None
        while b"\n" not in self._told:
            data = await self.process.stdout.receive_some()
            assert data, "it ended"
            self._told += data
        line, _, self._told = self._told.partition(b"\n")
        return [int(number) for number in line.split()]

    def tree(self) -> list[psutil.Process]:
        """Return every process that it has, by whatever way."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def leftovers(self) -> int:
        """Return how many files exist under its names."""
        name = f"{self.process.pid:x}-"
        return len([*SEGMENTS.glob(f"mr{name}*"), *folder().glob(f"{name}*")])


@asynccontextmanager
async def server(children: int, node_type: str) -> AsyncIterator[Server]:
    """Run a server with so many nodes that wait for data."""
    command = [sys.executable, "-m", "tests.session.lonely_server", str(children), node_type]
    async with trio.open_nursery() as nursery:
        run = partial(
            trio.run_process,
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=REPOSITORY,
            check=False,
            deliver_cancel=kill,
        )
        process = await nursery.start(run)
        yield Server(process)
        process.kill()


async def kill(process: trio.Process) -> None:
    process.kill()


async def wait_all_gone(processes: list[psutil.Process]) -> None:
    """Wait until the kernel says that each has ended."""
    for process in processes:
        try:
            descriptor = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        try:
            await trio.lowlevel.wait_readable(descriptor)
        finally:
            os.close(descriptor)


@pytest.mark.parametrize(
    ("children", "node_type", "processes_of_one"),
    [(20, "PassThrough", 1), (3, "Unclean", 1), (3, "WithSubprocess", 2), (3, "Daemonizing", 2)],
)
async def test_a_killed_server_takes_its_children_along(
    children: int, node_type: str, processes_of_one: int
) -> None:
    with trio.fail_after(60):
        async with server(children, node_type) as other:
            await other.line()
            assert len(await other.line()) == children
            processes = other.tree()
            assert len(processes) == 1 + children * processes_of_one
            other.process.send_signal(signal.SIGKILL)
            await wait_all_gone(processes)


async def test_the_next_start_sweeps_what_a_killed_server_left_and_only_that(
    runtime_with: OpenRuntime,
) -> None:
    with trio.fail_after(60):
        async with server(2, "PassThrough") as dead, server(1, "PassThrough") as alive:
            for each in (dead, alive):
                await each.line()
                await each.line()
            processes, before = dead.tree(), alive.leftovers()
            dead.process.kill()
            await dead.process.wait()
            await wait_all_gone(processes)
            assert dead.leftovers() > 0
            async with runtime_with(RuntimeConfig()) as runtime:
                assert runtime.swept.instances == 1
                assert runtime.swept.segments > 0
                assert dead.leftovers() == 0
                assert alive.leftovers() == before > 0
                pipeline = chain("PassThrough", ["multiprocess"])
                results = await run_through(runtime, pipeline, [Text("x")])
                assert len(results) == 1
            async with server(1, "PassThrough") as later:
                assert await later.line() == [0, 0]
            alive.process.send_signal(signal.SIGINT)
            await alive.process.wait()
            assert alive.leftovers() == 0


async def test_a_folder_of_somebody_else_s_is_not_touched(runtime_with: OpenRuntime) -> None:
    foreign = folder() / "notes"
    foreign.mkdir(parents=True)
    async with runtime_with(RuntimeConfig()) as runtime:
        assert runtime.swept.instances == 0
    assert foreign.is_dir()
