"""Batched hosts: one process for the nodes of many sessions, each of which stays its own."""

import math
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from actors import CancelSpeculation, Control, Json, Text
from runtime import (
    HookError,
    LimitError,
    Manifest,
    ManifestError,
    NodeError,
    ProcessTimeoutError,
    Runtime,
    RuntimeConfig,
    Session,
    open_runtime,
)
from runtime.config import CatalogueSources, Executors, Multiprocess, SharedSettings
from runtime.manifest import Capabilities, GpuRequirement
from tests.conftest import SPECIMENS, OpenRuntime
from tests.session.pipelines import manifest, run_through

BATCHED_FILE = """
from actors import Actor, Json, Kind, NoParams

class LengthNode(Actor[NoParams]):
    '''Return the lengths of texts.'''
    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.JSON})

    def process_batch(self, work):
        return [Json(len(item.text)) for _, item in work]
"""
PLACES = ["native", "multiprocess", "shared"]


def pipeline(place: str = "shared", kind: str = "BatchedTotal", **params: Any) -> Manifest:
    return manifest({"sum": (kind, params)}, places={"sum": place})


def config(**settings: Any) -> RuntimeConfig:
    shared = SharedSettings(**{"enabled": True, **settings})
    return RuntimeConfig(executors=Executors(shared=shared))


@asynccontextmanager
async def opened(runtime: Runtime, **params: Any) -> AsyncIterator[Session]:
    async with runtime.open_session(pipeline(**params)) as session:
        await session.wait_ready()
        yield session


async def ask(session: Session, value: Any) -> Any:
    await session.send(Json(value))
    with trio.fail_after(30):
        return value_of(await session.receive())


def value_of(result: Any) -> Any:
    assert isinstance(result.data, Json)
    return result.data.value


@pytest.mark.parametrize("place", PLACES)
async def test_a_batched_actor_gives_the_same_wherever_it_runs(
    runtime: Runtime, place: str
) -> None:
    items = [Json(value) for value in (1.0, "many", "nothing", 2.5)]
    results = [value_of(each) for each in await run_through(runtime, pipeline(place), items)]
    assert [each[:2] if isinstance(each, list) else each for each in results] == [
        [1.0, 1],
        *(0, 1, 2),
        [3.5, 1],
        ["flushed", 3.5],
    ]


async def test_sessions_with_equal_params_share_a_process_and_each_has_its_own_state(
    runtime: Runtime,
) -> None:
    async with opened(runtime) as one, opened(runtime) as two, opened(runtime, start=10.0) as other:
        assert (await ask(one, 1.0))[0] == 1.0
        total, _, pid = await ask(two, 5.0)
        assert total == 5.0
        total, _, other_pid = await ask(other, 1.0)
        assert total == 11.0
        assert pid != other_pid
        assert [each.processes()["sum"] for each in (one, two, other)] == [pid, pid, other_pid]
        assert [(await ask(one, 1.0))[0], (await ask(two, 1.0))[0]] == [2.0, 6.0]
        progress = [each.message async for each in other.progress() if each.message]
        assert progress == ["adding up"]


async def test_a_batch_has_one_item_of_each_session_and_begins_when_it_is_full(
    runtime_with: OpenRuntime,
) -> None:
    settings = config(batch_wait_ms=1000)
    async with runtime_with(settings) as runtime, opened(runtime) as one, opened(runtime) as two:
        counts: list[int] = []

        async def count(session: Session) -> None:
            for value in (1.0, 2.0, 3.0):
                await session.send(Json(value))
            results = [await session.receive() for _ in range(3)]
            counts.extend(value_of(each)[1] for each in results)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(count, one)
            nursery.start_soon(count, two)
        assert counts == [2] * 6


async def test_an_item_that_cannot_be_processed_ends_its_session_and_no_other_of_its_batch(
    runtime_with: OpenRuntime,
) -> None:
    async with runtime_with(config(batch_wait_ms=1000)) as runtime, opened(runtime) as good:
        expected = 0.0
        for bad, reason in (
            ("raise", "process_batch.. raised ValueError: not with this item"),
            ("refuse", "process_batch.. raised LookupError: not this one"),
            ("exit", "process_batch.. raised SystemExit: 3"),
            ("short", "process_batch.. got 1 entries and returned 0"),
        ):
            with pytest.raises(HookError, match=reason) as caught:
                async with opened(runtime) as session:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(session.send, Json(bad))
                        expected += 1.0
                        assert (await ask(good, 1.0))[0] == expected
                    await session.receive()
            assert caught.value.node_id == "sum"


@pytest.mark.parametrize("how", ["SIGKILL", "SIGABRT"])
async def test_the_end_of_a_host_ends_its_sessions_each_with_its_node(
    runtime: Runtime, how: str
) -> None:
    ended = []

    async def hold(task_status: trio.TaskStatus[Session]) -> None:
        with pytest.raises(
            NodeError, match=f"node 'sum': its process was killed by {how}"
        ) as caught:
            async with opened(runtime) as session:
                task_status.started(session)
                await session.receive()
        ended.append(caught.value)

    async with opened(runtime, start=1.0) as other:
        async with trio.open_nursery() as nursery:
            session = await nursery.start(hold)
            await nursery.start(hold)
            if how == "SIGKILL":
                os.kill(session.processes()["sum"], signal.SIGKILL)
            else:
                await session.send(Json("kill"))
        assert len(ended) == 2
        async with opened(runtime) as again:
            assert (await ask(again, 2.0))[0] == 2.0
        assert (await ask(other, 2.0))[0] == 3.0


async def test_the_state_of_a_session_is_freed_at_its_end_however_it_ends(runtime: Runtime) -> None:
    async with opened(runtime) as stays:
        async with opened(runtime) as ends:
            assert await ask(stays, "states") == 2
            await ends.close_input()
            assert [value_of(each) async for each in ends] == [["flushed", 0.0]]
        assert await ask(stays, "states") == 1
        with trio.CancelScope() as scope:
            async with opened(runtime) as cancelled:
                await cancelled.send(Json(1.0))
                assert await ask(stays, "states") == 2
                scope.cancel()
                await trio.sleep_forever()
        with pytest.raises(HookError):
            async with opened(runtime) as fails:
                await ask(fails, "raise")
        assert await ask(stays, "states") == 1


async def test_a_session_that_nobody_reads_waits_and_others_go_on(runtime: Runtime) -> None:
    full = manifest({"sum": "BatchedTotal"}, places={"sum": "shared"}, channel_capacity=2)
    async with opened(runtime) as other, runtime.open_session(full) as session:
        sent = 0
        with trio.move_on_after(0.5) as waiting:
            while sent < 1000:
                await session.send(Json(1.0))
                sent += 1
        assert waiting.cancelled_caught
        assert sent < 20
        assert (await ask(other, 1.0))[0] == 1.0
        # What was taken is all there, in order.
        received = [value_of(await session.receive())[0] for _ in range(sent)]
        assert received == [float(number) for number in range(1, sent + 1)]


async def test_a_barge_in_takes_an_item_out_of_the_batch_that_it_waits_for(
    runtime_with: OpenRuntime,
) -> None:
    settings = config(batch_wait_ms=1000)
    async with runtime_with(settings) as runtime, opened(runtime), opened(runtime) as session:
        await session.send(Json(1.0), timestamp_ms=5)  # it waits for one of the other session
        await session.send(Control(CancelSpeculation(0, 9)))
        assert isinstance((await session.receive()).data, Control)
        assert await ask(session, "controls") == 1
        assert (await ask(session, 2.0))[0] == 2.0


async def test_a_cancelled_item_of_a_running_batch_has_no_result_and_its_state_waits(
    runtime_with: OpenRuntime,
) -> None:
    kind, settings = "BatchedSleep", config(batch_wait_ms=1000)
    async with (
        runtime_with(settings) as runtime,
        opened(runtime, kind=kind) as other,
        opened(runtime, kind=kind) as session,
    ):
        await session.send(Json(0.3), timestamp_ms=5)
        await other.send(Json(0.3))
        assert value_of(await session.receive()) == "began"
        await session.send(Control(CancelSpeculation(0, 9)))
        assert isinstance((await session.receive()).data, Control)
        for each in (session, other):
            await each.send(Json(0.0))
        # The batch has counted the item of each; then came the control message.
        assert [value_of(await session.receive()) for _ in range(2)] == ["began", 102]
        received = [value_of(await other.receive()) for _ in range(4)]
        assert [each for each in received if each != "began"] == [1, 2]


async def test_a_running_batch_without_an_item_that_anybody_waits_for_is_cancelled(
    runtime: Runtime,
) -> None:
    async with opened(runtime, kind="BatchedSleep") as session:
        await session.send(Json(1000.0), timestamp_ms=5)
        assert value_of(await session.receive()) == "began"
        await session.send(Control(CancelSpeculation(0, 9)))
        with trio.fail_after(30):
            assert isinstance((await session.receive()).data, Control)
            await session.send(Json(0.0))
            assert [value_of(await session.receive()) for _ in range(2)] == ["began", 101]


@pytest.mark.parametrize("place", PLACES)
async def test_the_hooks_of_a_batched_actor_may_be_async(runtime: Runtime, place: str) -> None:
    results = await run_through(runtime, pipeline(place, "BatchedSleep"), [Json(0.0), Json(0.0)])
    values = [value_of(each) for each in results]
    assert [each for each in values if each != "began"] == [1, 2]


async def test_an_actor_that_cannot_be_initialized_fails_each_session_and_is_tried_again(
    runtime: Runtime,
) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(2):

            async def fail() -> None:
                with pytest.raises(HookError, match="initialize.* OSError: no numbers") as caught:
                    async with opened(runtime, broken=True):
                        pass
                assert caught.value.node_id == "sum"

            nursery.start_soon(fail)


async def test_a_full_host_gets_no_more_sessions_and_more_hosts_than_allowed_are_not_started(
    runtime_with: OpenRuntime,
) -> None:
    async with runtime_with(config(sessions_per_host=2, max_hosts=2)) as runtime:
        async with opened(runtime) as one, opened(runtime) as two, opened(runtime) as three:
            pids = [each.processes()["sum"] for each in (one, two, three)]
            assert pids[0] == pids[1] != pids[2]
            with pytest.raises(LimitError, match=r"executors.shared.max_hosts.*have nodes"):
                async with opened(runtime, start=5.0):
                    pass
        # One without nodes makes room.
        async with opened(runtime, start=5.0) as other:
            assert other.processes()["sum"] not in pids


async def test_a_host_without_sessions_ends_when_it_has_been_idle(
    runtime_with: OpenRuntime,
) -> None:
    async with runtime_with(config(idle_secs=0.05)) as runtime:
        async with opened(runtime) as session:
            pid = session.processes()["sum"]
            await trio.sleep(0.2)  # longer than that, with a session
            assert (await ask(session, 1.0))[2] == pid
            process = os.pidfd_open(pid)
        with trio.fail_after(30):
            await trio.lowlevel.wait_readable(process)
        os.close(process)


async def test_a_call_that_hangs_ends_the_host_and_the_next_session_has_another(
    runtime_with: OpenRuntime,
) -> None:
    settings = config(idle_secs=60)
    hung = settings.model_copy(update={"multiprocess": Multiprocess(process_timeout_secs=0.3)})
    async with runtime_with(hung) as runtime:
        with pytest.raises(ProcessTimeoutError, match="has not returned for 0.3 s") as caught:
            async with opened(runtime) as session:
                await ask(session, "hang")
        assert caught.value.node_id == "sum"
        async with opened(runtime) as session:
            assert (await ask(session, 1.0))[0] == 1.0


async def test_a_stopped_host_ends_all_of_its_sessions(runtime: Runtime) -> None:
    pids: set[int] = set()
    failures: list[str] = []

    async def run(started: trio.Event) -> None:
        with pytest.raises(ProcessTimeoutError, match="stopped by a signal") as caught:
            async with opened(runtime) as session:
                pids.add(session.processes()["sum"])
                started.set()
                await session.receive()
        failures.append(caught.value.node_id)

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                started = trio.Event()
                nursery.start_soon(run, started)
                await started.wait()
            (pid,) = pids
            os.kill(pid, signal.SIGSTOP)
    assert failures == ["sum"] * 3


async def test_statistics_and_taps_are_those_of_the_session(runtime: Runtime) -> None:
    async with opened(runtime) as session, opened(runtime) as other:
        await ask(other, 1.0)
        for value in (1.0, 2.0):
            await ask(session, value)
        await session.close_input()
        assert [value_of(each) async for each in session] == [["flushed", 3.0]]
        (node,) = session.statistics().values()
        assert (node.items_in, node.items_out) == (2, 3)
        assert math.isclose(node.cpu_seconds, 0.0)


class Planned:
    """The plan of one node in a runtime whose operator has these settings."""

    def __init__(self, **settings: Any) -> None:
        self.config = config(**settings)

    async def of(self, kind: str, place: str | None = None, **capabilities: Any) -> tuple[str, str]:
        """Return executor and reason."""
        types = {name: f"{SPECIMENS[name].__module__}:{name}" for name in SPECIMENS}
        nodes = {
            **self.config.nodes,
            **{name: types[name] for name in ("BatchedTotal", "NotBatched")},
        }
        settings = self.config.model_copy(update={"nodes": nodes})
        async with open_runtime(settings) as runtime:
            places = {} if place is None else {"n": place}
            document = manifest({"n": kind}, places=places)
            if capabilities:
                with_them = replace(document.nodes[0], capabilities=Capabilities(**capabilities))
                document = replace(document, nodes=(with_them,))
            (node,) = runtime.plan(document).nodes
            return node.executor, node.reason


async def test_the_plan_names_types_that_share_a_host_and_why_others_do_not() -> None:
    planned = Planned(types=("BatchedTotal", "NotBatched"), sessions_per_host=7)
    assert await planned.of("BatchedTotal") == (
        "shared",
        "executors.shared.types; one process serves up to 7 sessions",
    )
    executor, reason = await planned.of("NotBatched")
    assert executor == "multiprocess"
    assert reason.endswith("a process of its own, since NotBatched defines no process_batch()")
    gpu = GpuRequirement(required=False)
    executor, reason = await planned.of("BatchedTotal", gpu=gpu)
    assert (executor, reason.endswith("GPU of its own")) == ("multiprocess", True)
    executor, _ = await planned.of("BatchedTotal", "multiprocess")
    assert executor == "multiprocess"
    with pytest.raises(ManifestError, match="move it out of there to .native."):
        await planned.of("BatchedTotal", "native")
    with pytest.raises(ManifestError, match="NotBatched defines no process_batch"):
        await planned.of("NotBatched", "shared")


async def test_a_manifest_shares_only_types_of_an_executor_that_the_operator_has_enabled() -> None:
    with pytest.raises(ManifestError, match=r"executor .shared. is off"):
        await Planned(enabled=False, types=("BatchedTotal",)).of("BatchedTotal", "shared")
    assert (await Planned(enabled=False, types=("BatchedTotal",)).of("BatchedTotal"))[0] != "shared"
    with pytest.raises(ManifestError, match=r"does not let BatchedTotal share .*types: none"):
        await Planned().of("BatchedTotal", "shared")


async def test_a_file_may_define_a_batched_node_alone(tmp_path: Path) -> None:
    (tmp_path / "lengths.py").write_text(BATCHED_FILE)
    settings = config(types=("LengthNode",)).model_copy(
        update={"catalogue": CatalogueSources(paths=(str(tmp_path / "lengths.py"),))}
    )
    async with open_runtime(settings) as runtime:
        (node,) = runtime.plan(manifest({"n": "LengthNode"})).nodes
        assert node.executor == "shared"
        (result,) = await run_through(runtime, manifest({"n": "LengthNode"}), [Text("four")])
        assert result.data == Json(4)
