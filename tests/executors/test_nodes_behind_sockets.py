"""Nodes in processes behind sockets, where they differ from others."""

import itertools
import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from actors import Binary, Json, ModelEndpoint, Text
from runtime import NodeError, ProcessTimeoutError, Runtime, RuntimeConfig, open_runtime
from runtime.config import ExecutorSettings, Multiprocess
from runtime.executors import ExecutorFactory, NodeTask, Place, run_socket_node
from runtime.plan import Grants
from tests.conftest import SPECIMENS
from tests.service.certificates import make_authority
from tests.session.pipelines import chain, manifest, run_through

from .behind_socket import BEHIND_SOCKET

FAR = "far"


@pytest.fixture
async def runtime() -> AsyncIterator[Runtime]:
    config = RuntimeConfig(multiprocess=Multiprocess(cleanup_grace_period_secs=1))
    async with open_runtime(config, node_types=SPECIMENS, executors={FAR: BEHIND_SOCKET}) as opened:
        yield opened


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_a_process_that_is_stopped_ends_the_session_and_is_named(runtime: Runtime) -> None:
    with pytest.raises(NodeError, match="node 'n1': has given no sign of life"):
        async with runtime.open_session(chain("PassThrough", ["native", FAR])) as session:
            await session.wait_ready()
            os.kill(session.processes()["n1"], signal.SIGSTOP)
            with trio.fail_after(30):
                await trio.sleep_forever()


async def test_a_call_that_does_not_return_is_a_timeout(runtime: Runtime) -> None:
    pipeline = chain(("Slow", {"seconds": 3600}), [FAR], process_timeout_secs=0.5)
    with pytest.raises(ProcessTimeoutError, match="'n0'.*has not returned for 0.5 s"):
        async with runtime.open_session(pipeline) as session:
            await session.send(Text("x"))
            with trio.fail_after(30):
                await session.receive()


async def test_its_log_records_are_those_of_the_node(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        await run_through(runtime, chain("Cautious", [FAR]), [Text("x")])
    records = [each for each in caplog.records if each.name == "millrace.node.n0"]
    assert records
    assert {vars(each).get("node") for each in records} == {"n0"}


async def test_an_item_for_one_reader_reaches_it_over_every_way(runtime: Runtime) -> None:
    items = [Json(["ab"[number % 2], number]) for number in range(10)]
    for place, backpressure in itertools.product(["native", "multiprocess", FAR], [True, False]):
        pipeline = manifest(
            {"s": "Sorter", "a": "PassThrough", "b": "PassThrough"},
            ["s > a", "s > b"],
            places={"s": place, "a": FAR, "b": "multiprocess"},
            enable_backpressure=backpressure,
        )
        results = await run_through(runtime, pipeline, items)
        for node in "ab":
            found = [each.data for each in results if each.node_id == node]
            assert found == items["ab".index(node) :: 2], (place, backpressure)


async def test_nothing_of_its_links_is_left(runtime: Runtime) -> None:
    pipeline = chain("PassThrough", ["native", FAR, FAR, "multiprocess", FAR])
    await runtime.warm()
    before = descriptors()
    async with runtime.open_session(pipeline) as session:
        await session.wait_ready()
        assert descriptors() > before
    assert descriptors() == before


async def test_keys_of_endpoints_do_not_cross_the_network_in_the_clear() -> None:
    class Task:
        node_id = "n"
        grants = Grants(models={"m": ModelEndpoint(name="m", url="http://x", model="x")})

    task: NodeTask = Task()  # type: ignore[assignment]  # it has what is looked at
    with pytest.raises(NodeError, match=r"have keys \(m\).*192.0.2.1 in the clear"):
        await run_socket_node(task, ("192.0.2.1", 1))


ALONE = """
import json, ssl, sys
from runtime.socket_process import LinkSecret, run_node_behind_socket
secret = LinkSecret(bytes.fromhex(sys.stdin.readline()))
server_tls = client_tls = None
if sys.argv[1:]:
    certificate, key, authority = sys.argv[1:]
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_tls.load_cert_chain(certificate, key)
    client_tls = ssl.create_default_context(cafile=authority)
run_node_behind_socket(
    secret,
    lambda address: print(json.dumps(address), flush=True),
    server_tls=server_tls,
    client_tls=client_tls,
)
"""


class LeavingExecutor:
    """Leaves its processes alone, as a server that is killed does."""

    def __init__(self, *files: Path) -> None:
        self.processes: list[trio.Process] = []
        self._files = list(map(str, files))
        self._tls = ssl.create_default_context(cafile=self._files[-1]) if files else None

    async def run(self, task: NodeTask) -> None:
        """Run one node."""
        process = await trio.lowlevel.open_process(
            [sys.executable, "-c", ALONE, *self._files],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.processes.append(process)
        assert process.stdin is not None
        assert process.stdout is not None
        async with process.stdin, process.stdout:
            await process.stdin.send_all(task.socket_ends().secret.key.hex().encode() + b"\n")
            host, port = json.loads(await process.stdout.receive_some())
            await run_socket_node(task, (host, port), is_local=True, tls=self._tls)


def factory_of(executor: LeavingExecutor) -> ExecutorFactory:
    @asynccontextmanager
    async def open_it(
        _config: RuntimeConfig, _settings: ExecutorSettings
    ) -> AsyncIterator[LeavingExecutor]:
        yield executor

    return ExecutorFactory(open=open_it, uses_processes=True, place=Place.SOCKET)


@pytest.mark.parametrize("kind", ["PassThrough", ("Slow", {"seconds": 3600})])
async def test_a_process_ends_with_its_server_also_in_a_call_that_does_not_return(
    kind: object,
) -> None:
    executor = LeavingExecutor()
    factory = factory_of(executor)
    config = RuntimeConfig(multiprocess=Multiprocess(cleanup_grace_period_secs=0.5))
    async with open_runtime(config, node_types=SPECIMENS, executors={FAR: factory}) as opened:
        async with opened.open_session(chain(kind, [FAR])) as session:
            await session.send(Text("x"))
            if kind == "PassThrough":
                await session.receive()
        (process,) = executor.processes
        with trio.fail_after(30):
            await process.wait()


async def test_all_connections_of_nodes_may_be_encrypted(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    issued = authority.issue("worker")
    executor = LeavingExecutor(issued.certificate, issued.key, authority.certificate)
    items = [Text("x"), Binary(bytes(10**6)), Text("y" * 40_000)]
    async with open_runtime(
        RuntimeConfig(), node_types=SPECIMENS, executors={FAR: factory_of(executor)}
    ) as opened:
        async with opened.open_session(chain("PassThrough", [FAR, FAR])) as session:
            await session.wait_ready()
            async with session.tap("n1") as outputs:
                for item in items:
                    await session.send(item)
                assert [(await outputs.receive()).data for _ in items] == items
            await session.close_input()
            assert [result.data async for result in session] == items
        for process in executor.processes:
            await process.wait()
