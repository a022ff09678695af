"""Workers that die, and the end of the server."""

import os
import signal
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import psutil
import pytest
import trio

from runtime.errors import MillraceError
from runtime.links.shared import SEGMENTS
from tests.cli.commands import millrace

from .served import ECHO, ECHO_IN_A_PROCESS, SECONDS, echo, with_workers


def segments_of(worker: psutil.Process) -> list[str]:
    return [path.name for path in SEGMENTS.glob(f"mr{worker.pid:x}-*")]


def wait_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=SECONDS)
    assert not alive


async def test_a_killed_worker_leaves_nothing_and_the_other_goes_on(tmp_path: Path) -> None:
    with with_workers(tmp_path) as served:
        killed = served.worker(0)
        async with served.stream_at(1, ECHO_IN_A_PROCESS) as staying:
            await echo(staying)
            with pytest.raises(MillraceError), trio.fail_after(SECONDS):
                async with served.stream_at(0, ECHO_IN_A_PROCESS) as lost:
                    await echo(lost)
                    before = served.metrics()
                    children = killed.children(recursive=True)
                    assert segments_of(killed)
                    os.kill(killed.pid, signal.SIGKILL)
                    await lost.receive()
            await echo(staying)
            await trio.to_thread.run_sync(served.wait_for_log, "worker has ended")
            await trio.to_thread.run_sync(served.wait_for_log, "worker runs again")
            await echo(staying)
            wait_gone(children)
            assert not segments_of(killed)
            # Its places are free, and it takes sessions again.
            async with served.stream_at(0, ECHO_IN_A_PROCESS) as again:
                await echo(again)
                async with (
                    served.client() as runtime,
                    aclosing(runtime.watch_server(0.2)) as snapshots,
                ):
                    server = (await anext(snapshots)).server
                    assert server is not None
                    assert server.processes == 2
                    assert server.ended_sessions.get("failed") == 1
                    endings = await runtime.recent_endings()
                    (ending,) = [each for each in endings if each.session_id == lost.session_id]
                    assert (ending.outcome, ending.reason) == ("failed", "worker_exit")
            after = served.metrics()
            assert after["millrace_worker_restarts_total"] == 1
            counters = [name for name in before if "_total" in name or "_bucket" in name]
            assert [name for name in counters if after.get(name, -1) < before[name]] == []
        assert served.serve.stop() == 0
        log = served.serve.log()
        assert "sessions_lost=1" in log
        assert f"{lost.session_id} session ended" in log
        assert log.count("session opened") == log.count("session ended")


async def test_workers_end_with_a_killed_supervisor_and_leave_nothing(tmp_path: Path) -> None:
    with with_workers(tmp_path) as served:
        workers = [served.worker(number) for number in (0, 1)]
        with pytest.raises(MillraceError), trio.fail_after(SECONDS):
            async with served.stream_at(0, ECHO_IN_A_PROCESS) as stream:
                await echo(stream)
                family = served.serve.family()
                os.kill(served.serve.pid, signal.SIGKILL)
                while await stream.receive() is not None:
                    pass
        wait_gone(family)
        assert [segments_of(worker) for worker in workers] == [[], []]


async def test_a_lame_duck_takes_new_sessions_and_refuses_those_that_wait(tmp_path: Path) -> None:
    settings = "lame_duck_secs = 20"
    with with_workers(tmp_path, server=settings) as served:
        async with AsyncExitStack() as stack:
            for _ in range(3):
                await stack.enter_async_context(served.stream_at(0))
            os.kill(served.serve.pid, signal.SIGTERM)
            await trio.to_thread.run_sync(served.wait_for_log, "stopping; ")
            runtime = await stack.enter_async_context(served.client())
            last = await stack.enter_async_context(runtime.stream(ECHO))
            await last.wait_ready()
            await echo(last)
            # Four are the most, and session_wait_secs is 30: nobody waits for so long any more.
            with pytest.raises(MillraceError, match="max_sessions is 4"), trio.fail_after(10):
                async with served.client() as runtime, runtime.stream(ECHO) as late:
                    await late.wait_ready()


def test_a_worker_whose_event_loop_stands_still_is_killed_and_started_again(
    tmp_path: Path,
) -> None:
    with with_workers(tmp_path, server="worker_timeout_secs = 2") as served:
        stopped = served.worker(1)
        os.kill(stopped.pid, signal.SIGSTOP)
        served.wait_for_log("worker does not answer, and is killed")
        served.wait_for_log("worker runs again")
        assert served.worker(1).pid != stopped.pid
        assert served.serve.stop() == 0


def test_a_second_server_at_the_port_is_refused(tmp_path: Path) -> None:
    with with_workers(tmp_path) as served:
        for workers in ("1", "2"):
            refused = millrace(
                "serve", "--bind", served.address, "--workers", workers, folder=tmp_path
            )
            assert refused.returncode == 2
            assert f"{served.address}: cannot be listened on: Address already in use" in (
                refused.stderr
            )
        assert served.serve.stop() == 0
