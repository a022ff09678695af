"""Nodes on a real Ray cluster of two machines."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import trio

from actors import Text
from runtime import InitTimeoutError, LimitError, NodeError, PipelineError, Runtime, SpawnError
from runtime.executors import ray as ray_executors
from runtime.manifest import Manifest, manifest_from
from tests.executors.ray.cluster import Cluster, opened_cluster, send_signal, why_not
from tests.executors.ray.conftest import OpenRay, assert_gone, runtime_on
from tests.session.pipelines import run_through

ON_OTHER = {"cpu": {"arch": "x86_64"}}
"""Only the other machine has the label."""


def on_ray(
    node_type: str = "WhereOnCluster",
    *,
    capabilities: Any = None,
    params: Any = None,
    places: tuple[str, ...] = ("ray",),
    **multiprocess: Any,
) -> Manifest:
    """Return a chain of nodes; the capabilities are those of the first."""
    nodes: list[dict[str, Any]] = [
        {"id": f"n{index}", "node_type": node_type if index == 0 else "PassThrough"}
        for index in range(len(places))
    ]
    if capabilities is not None:
        nodes[0]["capabilities"] = capabilities
    nodes[0]["params"] = params or {}
    overrides = {f"n{index}": place for index, place in enumerate(places)}
    return manifest_from(
        {
            "version": "v1",
            "metadata": {
                "name": "ray",
                "multiprocess": {"executor_overrides": overrides, **multiprocess},
            },
            "nodes": nodes,
            "connections": [
                {"from": f"n{index}", "to": f"n{index + 1}"} for index in range(len(places) - 1)
            ],
        }
    )


async def where(runtime: Runtime, pipeline: Manifest) -> tuple[int, str, int]:
    """Return the process id of the first node, its address, and the number of its GPUs."""
    (result,) = await run_through(runtime, pipeline, [Text("x")])
    assert isinstance(result.data, Text)
    pid, address, gpus = result.data.text.split()
    return int(pid), address, int(gpus)


async def test_a_chain_crosses_both_machines_and_the_server(
    open_ray: OpenRay, cluster: Cluster
) -> None:
    async with open_ray() as runtime:
        pipeline = on_ray(capabilities=ON_OTHER, places=("ray", "ray", "native", "ray"))
        _, address, _ = await where(runtime, pipeline)
        assert address == cluster.other


@pytest.mark.parametrize("tls", [False, True])
async def test_links_are_encrypted_if_the_operator_says_so(
    open_ray: OpenRay, cluster: Cluster, tls: bool
) -> None:
    marker = b"what-an-attacker-looks-for"
    pipeline = on_ray("PassThrough", capabilities=ON_OTHER, places=("ray", "ray"))
    with cluster.captured() as packets:
        async with open_ray(tls=str(tls).lower()) as runtime:
            (result,) = await run_through(runtime, pipeline, [Text(marker.decode())])
        assert result.data == Text(marker.decode())
        assert (marker in packets()) is not tls


async def test_a_node_is_placed_by_its_capabilities(open_ray: OpenRay, cluster: Cluster) -> None:
    async with open_ray(gpu_memory_gb=24) as runtime:
        needs = {"gpu": {"type": "cuda", "min_memory_gb": 6}, "memory_gb": 0.5}
        _, address, gpus = await where(runtime, on_ray(capabilities=needs))
        assert (address, gpus) == (cluster.other, 1)


async def test_what_no_machine_has_is_refused_at_once_with_figures(open_ray: OpenRay) -> None:
    async with open_ray() as runtime:
        with pytest.raises(LimitError) as caught:
            await where(runtime, on_ray(capabilities={"cpu": {"cores": 16}, "memory_gb": 1}))
    assert "no node of the Ray cluster has 16 CPU, 1 GiB memory; there are: " in str(caught.value)
    assert " 8 CPU" in str(caught.value)


async def test_a_node_waits_for_room_and_says_so(open_ray: OpenRay) -> None:
    needs = {"gpu": {"type": "cuda"}}
    async with open_ray() as runtime, runtime.open_session(on_ray(capabilities=needs)) as first:
        await first.send(Text("x"))
        await first.receive()
        waiting = on_ray(capabilities=needs, init_timeout_secs=1)
        with pytest.raises(LimitError, match="had no room within 1 s") as caught:
            async with runtime.open_session(waiting) as second:
                texts = [each.message async for each in second.progress()]
                assert any("waits for" in text and "free: " in text for text in texts), texts
                await second.receive()
        assert "1 GPU" in str(caught.value)


async def test_an_optional_gpu_is_left_out_where_none_is_free(open_ray: OpenRay) -> None:
    optional = on_ray(capabilities={"gpu": {"type": "cuda", "required": False}})
    required = on_ray(capabilities={"gpu": {"type": "cuda"}})
    async with open_ray() as runtime:
        async with runtime.open_session(required) as first:
            await first.wait_ready()
            _, _, gpus = await where(runtime, optional)
            assert gpus == 0
        with trio.fail_after(60):  # Ray takes a moment to note that it is free again
            while gpus == 0:
                _, _, gpus = await where(runtime, optional)


async def test_a_warm_worker_is_used_once(open_ray: OpenRay) -> None:
    async with open_ray(warm=1) as runtime:
        first, _, _ = await where(runtime, on_ray())
        second, _, _ = await where(runtime, on_ray())
        assert first != second


async def test_a_killed_worker_ends_its_session_and_no_other(open_ray: OpenRay) -> None:
    async with (
        open_ray() as runtime,
        runtime.open_session(on_ray("PassThrough", places=("native",))) as other,
    ):
        with pytest.raises(NodeError, match="node 'n0': its process has ended: "):
            async with runtime.open_session(on_ray()) as session:
                await session.send(Text("x"))
                result = await session.receive()
                assert isinstance(result.data, Text)
                os.kill(int(result.data.text.split()[0]), signal.SIGKILL)
                await session.receive()
        await other.send(Text("still here"))
        assert (await other.receive()).node_id == "n0"


async def test_an_error_of_an_actor_has_its_traceback(open_ray: OpenRay) -> None:
    async with open_ray() as runtime:
        with pytest.raises(NodeError, match="process\\(\\) raised") as caught:
            await run_through(runtime, on_ray("Raising", params={"hook": "process"}), [Text("x")])
        assert "specimens.py" in caught.value.stack_trace


async def test_a_call_that_holds_pythons_lock_is_no_lost_worker(open_ray: OpenRay) -> None:
    async with open_ray(partition_timeout_secs=1) as runtime:
        pipeline = on_ray("HoldingTheLock", params={"seconds": 2.5})
        assert await run_through(runtime, pipeline, [Text("x")])


@pytest.fixture(params=["cut", "frozen raylet", "frozen worker", "killed raylet"])
def harm(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Any]:
    """Do something to the other machine, and repair it after the test."""
    kind: str = request.param
    raylet = cluster.raylet("other")
    cut = cluster.cut()

    def do(worker: int) -> None:
        if kind == "cut":
            cut.__enter__()
        elif kind == "frozen raylet":
            send_signal(raylet, signal.SIGSTOP)
        elif kind == "frozen worker":
            os.kill(worker, signal.SIGSTOP)
        else:
            send_signal(raylet, signal.SIGKILL)

    yield do
    if kind == "cut":
        cut.__exit__(None, None, None)
    elif kind == "frozen raylet":
        send_signal(raylet, signal.SIGCONT)
    elif kind == "killed raylet":
        cluster.finish(cluster.start_other())


async def test_a_lost_machine_ends_the_session_and_leaves_nothing(
    open_ray: OpenRay, cluster: Cluster, harm: Any
) -> None:
    async with open_ray() as runtime:
        with pytest.raises(NodeError, match="node 'n0': "):
            async with runtime.open_session(on_ray(capabilities=ON_OTHER)) as session:
                await session.send(Text("x"))
                result = await session.receive()
                assert isinstance(result.data, Text)
                workers = cluster.workers()
                harm(int(result.data.text.split()[0]))
                await session.receive()
        assert workers
        await trio.to_thread.run_sync(assert_gone, workers)


SERVER = """
import json, sys, trio
from tests.executors.ray.conftest import runtime_on
from tests.executors.ray.test_ray_executor import on_ray
from actors import Text
async def main():
    async with runtime_on(sys.argv[1], warm=1) as runtime:
        async with runtime.open_session(on_ray(places=("ray", "ray"))) as session:
            await session.send(Text("x"))
            await session.receive()
            print("running", flush=True)
            await trio.sleep_forever()
trio.run(main)
"""


def test_a_killed_server_leaves_no_worker(cluster: Cluster) -> None:
    command = [sys.executable, "-c", SERVER, cluster.address]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"running\n"
            children = psutil.Process(server.pid).children(recursive=True)
            workers = cluster.workers()
            assert len(workers) >= 4  # with their guards
        finally:
            server.kill()
    assert_gone([*workers, *children])


def test_the_driver_of_a_server_that_was_killed_while_it_wrote_ends_too() -> None:
    pytest.importorskip("ray")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        module = "runtime.executors.ray.driver_main"
        command = [sys.executable, "-m", module, str(theirs.fileno())]
        with subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stderr=subprocess.DEVNULL
        ) as driver:
            try:
                theirs.close()
                ours.sendall(b'{"type":"Conn')
                ours.close()
                driver.wait(60)
            finally:
                driver.kill()


async def test_another_version_on_the_cluster_is_refused(
    open_ray: OpenRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_executors.executor, "_VERSION", "99.0")
    async with open_ray() as runtime:
        with pytest.raises(SpawnError, match=r"and 99\.0 here; install the same everywhere"):
            await where(runtime, on_ray())


async def test_a_cluster_that_is_not_there_fails_only_sessions_that_need_it() -> None:
    pytest.importorskip("ray")
    async with runtime_on("127.0.0.1:1") as runtime:
        with pytest.raises(PipelineError, match=r"at 127\.0\.0\.1:1: .*`ray start --head`"):
            await where(runtime, on_ray())
        assert await run_through(runtime, on_ray("PassThrough", places=("native",)), [Text("x")])


async def test_a_worker_that_ray_does_not_start_in_time_is_no_lack_of_room() -> None:
    if reason := why_not():
        pytest.skip(reason)
    with opened_cluster(other=False) as alone:
        async with runtime_on(alone.address) as runtime:
            await where(runtime, on_ray())
            raylet = alone.raylet("head")
            send_signal(raylet, signal.SIGSTOP)
            with pytest.raises(InitTimeoutError, match="why Ray has not started its worker"):
                await where(runtime, on_ray(init_timeout_secs=2))
            send_signal(raylet, signal.SIGCONT)


async def test_a_killed_gcs_ends_only_sessions_on_the_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if reason := why_not():
        pytest.skip(reason)
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "2")
    with opened_cluster(other=False) as alone:
        async with (
            runtime_on(alone.address) as runtime,
            runtime.open_session(on_ray("PassThrough", places=("native", "multiprocess"))) as other,
        ):
            with pytest.raises(NodeError, match="node 'n0': "):
                async with runtime.open_session(on_ray()) as session:
                    await session.send(Text("x"))
                    await session.receive()
                    (gcs,) = alone.processes("gcs_server")
                    gcs.kill()
                    await session.receive()
            await other.send(Text("still here"))
            assert (await other.receive()).node_id == "n1"
            with pytest.raises(PipelineError, match="cannot connect to the Ray cluster"):
                await where(runtime, on_ray())
