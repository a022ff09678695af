"""A forkserver that has ended, or does not answer, is replaced; what ran out is named."""

import errno
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psutil
import pytest
import trio

from actors import Text
from runtime import (
    LimitError,
    NodeError,
    ProcessExitError,
    Runtime,
    RuntimeConfig,
    SpawnError,
    open_runtime,
)
from runtime.config import Multiprocess
from runtime.execution.process.fork_requests import FORK_DESCRIPTORS, REQUEST_BYTES
from runtime.execution.process.forkserver import Forkserver
from runtime.execution.process.supervisor import NUMBER
from tests.running import is_running
from tests.session.pipelines import chain, run_through

ONE = chain("PassThrough", ["multiprocess"])


@asynccontextmanager
async def own_forkserver(init_timeout_secs: float = 30) -> AsyncIterator[tuple[Runtime, int]]:
    """Open a runtime with a forkserver of its own; yield it and the forkserver's process id."""
    config = RuntimeConfig(multiprocess=Multiprocess(init_timeout_secs=init_timeout_secs))
    before = children()
    async with open_runtime(config) as runtime:
        await runtime.warm(["multiprocess"])
        (pid,) = children() - before
        yield runtime, pid


def stop(pid: int) -> None:
    """Stop a child of this process, and wait until it is."""
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children()}


async def test_a_forkserver_that_was_killed_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    async with own_forkserver() as (runtime, pid):
        with pytest.raises(ProcessExitError, match="'n0'") as caught:
            async with runtime.open_session(ONE) as session:
                await session.send(Text("x"))
                await session.receive()
                node = session.processes()["n0"]
                os.kill(pid, signal.SIGKILL)
                with trio.fail_after(10):
                    await session.receive()
        assert caught.value.node_id == "n0"
        assert not is_running(node)
        results = await run_through(runtime, ONE, [Text("x")])
        assert [result.data for result in results] == [Text("x")]
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert errors == ["the forkserver ended (-9), and its node processes with it"]


async def test_sessions_that_start_while_the_forkserver_is_replaced_wait_for_the_next() -> None:
    async with own_forkserver() as (runtime, pid):
        os.kill(pid, signal.SIGKILL)
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(run_one_or_spawn_error, runtime)


async def run_one_or_spawn_error(runtime: Runtime) -> None:
    with suppress(SpawnError):  # the one that is asked in the moment in which it ends
        await run_through(runtime, ONE, [])
    assert len(await run_through(runtime, ONE, [Text("x")])) == 1


async def test_a_stopped_forkserver_fails_a_session_in_time_and_is_continued(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        own_forkserver(init_timeout_secs=1.5) as (runtime, pid),
        runtime.open_session(ONE) as running,
    ):
        await running.wait_ready()
        stop(pid)
        with trio.fail_after(10), pytest.raises(NodeError, match=r"'n0'.*in 1\.5 s"):
            await run_through(runtime, ONE, [Text("x")])
        assert len(await run_through(runtime, ONE, [Text("x")])) == 1
        await running.send(Text("still here"))
        assert (await running.receive()).data == Text("still here")
        assert children() >= {pid}
    assert "a signal has stopped the forkserver; it is continued" in caplog.text


async def test_a_stopped_forkserver_is_found_without_a_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with own_forkserver() as (_, pid):
        stop(pid)
        with trio.fail_after(30):
            await trio.to_thread.run_sync(os.waitid, os.P_PID, pid, os.WCONTINUED | os.WNOWAIT)
    assert "it is continued" in caplog.text


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EAGAIN, "no process is left: the user's limit is"),
        (errno.ENOMEM, "no memory is left: the machine has"),
        (errno.EMFILE, "the forkserver, which has two file descriptors for each"),
    ],
)
async def test_a_fork_that_fails_for_lack_of_resources_is_a_limit(
    number: int, message: str
) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    with ours, theirs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(refuse, theirs, number)
            with pytest.raises(LimitError, match=message):
                await Forkserver(ours, os.getpid()).fork()


async def refuse(requests: socket.socket, number: int) -> None:
    """Answer one request as a forkserver that has no resources left."""
    await trio.lowlevel.wait_readable(requests)
    _, passed, _, _ = socket.recv_fds(requests, REQUEST_BYTES, FORK_DESCRIPTORS)
    if number != errno.EMFILE:
        os.write(passed[0], NUMBER.pack(-number))
    for descriptor in passed:
        os.close(descriptor)
