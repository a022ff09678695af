"""A call that comes to any worker sees and reaches the sessions of all workers."""

from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest
import trio

from runtime.client import RemoteRuntime
from runtime.errors import MillraceError, SessionKilledError
from runtime.session import worker_of
from runtime.wire import ControlAddress, ControlDirection, ControlFrame, Subscribe
from tests.cli.commands import millrace

from .served import ECHO, ECHO_IN_A_PROCESS, SECONDS, WithWorkers, echo, with_workers

# So many new connections, that both workers get some: 1 in 2048 runs of a test sees one only.
CONNECTIONS = 12


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WithWorkers]:
    """One server for all tests of this file: starting it takes three processes."""
    with with_workers(tmp_path_factory.mktemp("served")) as opened:
        yield opened
        assert opened.serve.stop() == 0


async def test_every_connection_sees_the_sessions_of_both_workers(served: WithWorkers) -> None:
    async with served.stream_at(0) as first, served.stream_at(1) as second:
        opened = {first.session_id, second.session_id}
        for _ in range(CONNECTIONS):
            async with served.client() as runtime:
                assert {each.session_id for each in await runtime.sessions()} == opened


async def test_a_snapshot_of_the_server_has_both_workers(served: WithWorkers) -> None:
    async with served.stream_at(0) as first, served.stream_at(1, ECHO_IN_A_PROCESS) as second:
        await echo(first)
        await echo(second)
        for _ in range(CONNECTIONS // 4):
            async with served.client() as runtime, aclosing(runtime.watch_server(0.2)) as snapshots:
                await anext(snapshots)
                with trio.fail_after(SECONDS):
                    while True:
                        taken = await anext(snapshots)
                        server = taken.server
                        assert server is not None
                        if all(worker.answers for worker in server.workers):
                            break  # on a busy machine one may be late
                shown = {each.session_id: each for each in taken.sessions}
                assert shown.keys() == {first.session_id, second.session_id}
                assert shown[second.session_id].process_count == 1
                assert [(w.number, w.answers, w.sessions) for w in server.workers] == [
                    (0, True, 1),
                    (1, True, 1),
                ]
                pids = [served.worker(number).pid for number in (0, 1)]
                assert [w.process_id for w in server.workers] == pids
                assert sum(server.sessions.values()) == 2
                assert (server.max_sessions, server.processes) == (4, 1)


async def test_a_session_of_any_worker_is_watched_explained_and_killed(
    served: WithWorkers,
) -> None:
    for number in (0, 1):
        with pytest.raises(SessionKilledError, match="test over"), trio.fail_after(SECONDS):
            async with served.stream_at(number) as stream:
                session = stream.session_id
                for _ in range(CONNECTIONS // 2):
                    async with served.client() as runtime:
                        async with aclosing(runtime.watch_session(session, 0.2)) as snapshots:
                            shown = (await anext(snapshots)).session
                            assert shown is not None
                            assert shown.session_id == session
                        async with aclosing(runtime.explain_session(session, 0.2)) as summaries:
                            await anext(summaries)
                async with served.client() as runtime:
                    await runtime.kill_session(session, "test over")
                await stream.receive()


async def test_items_of_a_session_of_any_worker_are_watched(served: WithWorkers) -> None:
    async with served.stream_at(1) as stream:
        for _ in range(CONNECTIONS // 4):
            async with (
                served.client() as runtime,
                aclosing(runtime.watch_items(stream.session_id)) as items,
            ):
                began = await anext(items)
                assert began.began is not None
                await echo(stream)
                item = await anext(items)
                assert item.item is not None


async def attached(runtime: RemoteRuntime, session: str, node: str) -> None:
    """Attach, subscribe, and half-close."""
    async with runtime.attach(session) as attach:
        address = ControlAddress(node_id=node, direction=ControlDirection.OUT)
        await attach.send(ControlFrame(subscribe=Subscribe(addr=address)))
        await attach.close()
        while await attach.receive() is not None:
            pass


async def test_a_client_attaches_to_a_session_of_any_worker(served: WithWorkers) -> None:
    async with served.stream_at(0) as stream:
        for _ in range(CONNECTIONS // 2):
            async with served.client() as runtime:
                await attached(runtime, stream.session_id, "__system__")
        async with served.client() as runtime:
            with pytest.raises(MillraceError, match="no session"):
                async with runtime.attach(stream.session_id[:-4] + "0000") as attach:
                    await attach.receive()


async def test_an_ended_session_of_any_worker_has_one_number_everywhere(
    served: WithWorkers,
) -> None:
    ended = []
    for number in (0, 1):
        async with served.stream_at(number) as stream:
            ended.append(stream.session_id)
            await stream.close()
            while await stream.receive() is not None:
                pass
    seen: set[tuple[tuple[int, str], ...]] = set()
    for _ in range(CONNECTIONS // 2):
        async with served.client() as runtime:
            # The last one may be on its way to this worker.
            async with aclosing(runtime.watch_server(0.2)) as snapshots:
                async for _ in snapshots:
                    endings = await runtime.recent_endings()
                    if set(ended) <= {each.session_id for each in endings}:
                        break
            seen.add(tuple((each.number, each.session_id) for each in endings))
    (only,) = seen
    assert [number for number, _ in only] == list(range(1, len(only) + 1))
    assert [session for _, session in only if session in ended] == ended


async def test_limits_hold_over_both_workers_and_a_waiting_session_gets_the_next_place(
    served: WithWorkers,
) -> None:
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(served.stream_at(n)) for n in (0, 1, 0, 1)]
        assert served.get("/readyz")[0] == 200
        async with served.client() as runtime, trio.open_nursery() as nursery:
            waited = trio.Event()

            async def wait_for_room() -> None:
                async with served.client() as other, other.stream(ECHO) as stream:
                    await echo(stream)
                    waited.set()

            nursery.start_soon(wait_for_room)
            async with aclosing(runtime.watch_server(0.2)) as snapshots:
                while True:
                    server = (await anext(snapshots)).server
                    assert server is not None
                    if server.waiting_sessions:
                        break
            assert sum(server.sessions.values()) == 4
            assert not waited.is_set()
            await streams[0].close()
            while await streams[0].receive() is not None:
                pass
            with trio.fail_after(SECONDS):
                await waited.wait()


async def test_an_unknown_node_of_a_passed_on_call_is_named(served: WithWorkers) -> None:
    async with served.stream_at(0) as stream:
        for _ in range(CONNECTIONS // 2):
            async with served.client() as runtime:
                watched = runtime.watch_items(stream.session_id, ["nobody"])
                async with aclosing(watched) as items:
                    with pytest.raises(MillraceError, match="nobody"):
                        await anext(items)


def total(samples: dict[str, float], name: str) -> float:
    return sum(value for each, value in samples.items() if each.startswith(name))


async def test_metrics_are_those_of_both_workers(served: WithWorkers) -> None:
    received = 'millrace_node_items_received_total{executor="native"'
    before = served.metrics()
    async with served.stream_at(0) as first, served.stream_at(1) as second:
        for stream in (first, second, second):
            await echo(stream)
        for _ in range(CONNECTIONS // 2):
            found = served.metrics()
            assert found["millrace_workers"] == 2
            assert total(found, "millrace_sessions{") == 2
            assert total(found, received) - total(before, received) == 3
            assert found["millrace_sessions_limit"] == 4


def test_top_shows_the_workers(
    served: WithWorkers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACE_TOKEN", "operator")
    shown = millrace("top", served.address, "--once", folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "workers 2" in shown.stdout


def test_session_ids_name_their_worker() -> None:
    assert worker_of("voice-2-130-0123456789abcdef") == 2
    assert worker_of("") is None
    assert worker_of("x-" + "9" * 30 + "-y") is None
    assert worker_of("a-b-c") is None
