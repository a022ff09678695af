"""What a node's process has of the server, and what it leaves when it ends."""

import os
import socket
from contextlib import suppress

import psutil
import pytest

from actors import Json, Text
from runtime import Runtime
from tests.session.pipelines import chain, manifest, run_through


async def test_a_process_has_none_of_the_server_s_sockets(runtime: Runtime) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        os.set_inheritable(server.fileno(), True)
        ours = set()
        for name in os.listdir("/proc/self/fd"):
            with suppress(FileNotFoundError):
                ours.add(os.readlink(f"/proc/self/fd/{name}"))
        (result,) = await run_through(
            runtime, chain("OpenDescriptors", ["multiprocess"]), [Text("x")]
        )
    assert isinstance(result.data, Json)
    descriptors = result.data.value
    assert isinstance(descriptors, dict)
    theirs = {str(what) for what in descriptors.values() if str(what).startswith("socket")}
    assert theirs
    assert not theirs & ours


async def test_daemons_of_a_node_end_with_it_and_those_of_others_stay(runtime: Runtime) -> None:
    pipeline = chain("Daemonizing", ["multiprocess"])
    async with runtime.open_session(pipeline) as one:
        await one.wait_ready()
        before = {p.pid for p in psutil.Process().children(recursive=True)}
        async with runtime.open_session(pipeline) as other:
            await other.wait_ready()
            during = {p.pid for p in psutil.Process().children(recursive=True)}
            assert len(during - before) == 2  # node and daemon
        assert {p.pid for p in psutil.Process().children(recursive=True)} == before


@pytest.mark.parametrize("node_type", ["Connected", "ConnectedOnAsyncio"])
async def test_what_a_hook_does_when_it_is_cancelled_is_not_broken_off(
    runtime: Runtime, node_type: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with runtime.open_session(chain(node_type, ["multiprocess"])) as session:
        await session.send(Text("x"))
        await session.receive()
    assert caplog.messages.count("connection closed") == 1


async def test_each_node_leads_a_group_of_its_own(runtime: Runtime) -> None:
    pipeline = manifest(
        {"a": "PassThrough", "b": "PassThrough"},
        places={"a": "multiprocess", "b": "multiprocess"},
    )
    async with runtime.open_session(pipeline) as session:
        await session.wait_ready()
        pids = session.processes().values()
        assert [os.getpgid(pid) for pid in pids] == list(pids)
