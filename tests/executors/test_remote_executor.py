"""Nodes run on another Millrace server, which their manifest names as `host`."""

import itertools
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio

from actors import (
    Audio,
    Binary,
    Bundle,
    CancelSpeculation,
    Control,
    Data,
    Json,
    NumpyArray,
    Tensor,
    Text,
)
from runtime import (
    CallerError,
    HookError,
    InputError,
    LimitError,
    ManifestError,
    NodeError,
    Result,
    Runtime,
    RuntimeConfig,
    open_runtime,
)
from runtime.client import connect
from runtime.config import parse_config
from runtime.execution import NodeState
from runtime.latency import PARTS
from runtime.recording import Side, open_recording, record
from runtime.service import GrpcServer, open_server
from tests.conftest import OpenRuntime
from tests.service.serve_process import ServeProcess, serve_process

ANY_PORT = {"GRPC_BIND_ADDRESS": "127.0.0.1:0"}


def config_for(address: str, **host: Any) -> RuntimeConfig:
    lines = [f"{key} = {value!r}" for key, value in host.items()]
    return parse_config(
        "\n".join(
            [
                "[executors.remote]",
                "enabled = true",
                "[executors.remote.hosts.other]",
                f'address = "{address}"',
                *lines,
            ]
        )
    )


def manifest(
    host: str, nodes: dict[str, Any], edges: str = "", *, here: tuple[str, ...] = (), **extra: Any
) -> dict[str, Any]:
    """Make a manifest whose nodes have the host, but for those in `here`."""
    entries = []
    for name, kind in nodes.items():
        node_type, params = kind if isinstance(kind, tuple) else (kind, {})
        entry = {"id": name, "node_type": node_type, "params": params}
        if name not in here:
            entry["host"] = host
        entries.append(entry | extra.get(name, {}))
    pairs = [edge.split(">") for edge in edges.split()]
    return {
        "version": "v1",
        "metadata": {"name": "x"},
        "nodes": entries,
        "connections": [{"from": source, "to": target} for source, target in pairs],
    }


@pytest.fixture
async def server(runtime_with: OpenRuntime) -> AsyncIterator[GrpcServer]:
    """The other server, in this process."""
    async with (
        runtime_with(RuntimeConfig()) as there,
        open_server(there, environment=ANY_PORT) as opened,
    ):
        yield opened


@pytest.fixture
async def runtime(server: GrpcServer, runtime_with: OpenRuntime) -> AsyncIterator[Runtime]:
    """A runtime that may use the other server."""
    async with runtime_with(config_for(str(server.address))) as opened:
        yield opened


@asynccontextmanager
async def runtime_of(process: ServeProcess) -> AsyncIterator[tuple[Runtime, str]]:
    address = f"127.0.0.1:{process.port}"
    async with open_runtime(config_for(address)) as opened:
        yield opened, address


async def run_through(runtime: Runtime, pipeline: Any, items: list[Data]) -> list[Result]:
    async with runtime.open_session(pipeline) as session, trio.open_nursery() as nursery:

        async def feed() -> None:
            for number, item in enumerate(items):
                await session.send(item, timestamp_ms=100 + number)
            await session.close_input()

        nursery.start_soon(feed)
        return [result async for result in session]


def text_of(result: Result) -> str:
    assert isinstance(result.data, Text | Json)
    return result.data.text


ITEMS = [
    Text("words", "en", "left"),
    Json({"a": [1, 2.5, None]}),
    Binary(b"\x00\x01", "application/x", metadata={"k": "v"}),
    Tensor(np.arange(12, dtype=np.int32).reshape(3, 4)),
    NumpyArray(np.arange(12, dtype=np.float64).reshape(3, 4)),
    Audio(np.linspace(-1, 1, 320, dtype=np.float32).reshape(-1, 1), 16000),
]


@pytest.mark.parametrize("length", [1, 3])
async def test_every_kind_of_data_comes_back_as_it_was(
    runtime: Runtime, server: GrpcServer, length: int
) -> None:
    names = [f"n{number}" for number in range(length)]
    edges = " ".join(map(">".join, itertools.pairwise(names)))
    pipeline = manifest(str(server.address), dict.fromkeys(names, "PassThrough"), edges)
    results = await run_through(runtime, pipeline, ITEMS)
    assert [result.data for result in results] == ITEMS
    assert [result.sequence for result in results] == list(range(len(ITEMS)))
    assert [result.timestamp_ms for result in results] == [100 + n for n in range(len(ITEMS))]
    assert {result.node_id for result in results} == {names[-1]}


async def test_connected_nodes_of_a_host_are_one_session_there(
    runtime: Runtime, server: GrpcServer
) -> None:
    pipeline = manifest(
        str(server.address),
        dict.fromkeys("abcd", "PassThrough"),
        "a>b b>c c>d",
        here=("c",),
    )
    plan = runtime.plan(pipeline)
    assert [node.executor for node in plan.nodes] == ["remote", "remote", "native", "remote"]
    parts = [node.remote.members if node.remote else () for node in plan.nodes]
    assert parts == [("a", "b"), ("a", "b"), (), ("d",)]
    results = await run_through(runtime, pipeline, [Text("x"), Text("y")])
    assert [result.data for result in results] == [Text("x"), Text("y")]


async def test_a_path_that_leaves_a_host_and_comes_back_ends(
    runtime: Runtime, server: GrpcServer
) -> None:
    pipeline = manifest(
        str(server.address),
        {**dict.fromkeys("abcd", "PassThrough"), "flush": "TextCollectorNode"},
        "a>b b>d a>flush flush>c c>d",
        here=("c",),
    )
    results = await run_through(runtime, pipeline, [Text("one. tw")])
    assert sorted(text_of(result) for result in results) == ["one.", "one. tw", "tw"]


async def test_a_node_in_the_middle_of_a_part_may_be_read_here_too(
    runtime: Runtime, server: GrpcServer
) -> None:
    pipeline = manifest(
        str(server.address),
        {
            "a": ("MultiplyNode", {"factor": 2}),
            "b": ("MultiplyNode", {"factor": 10}),
            "c": "PassThrough",
        },
        "a>b a>c",
        here=("c",),
        a={"is_output_node": True},
    )
    results = await run_through(runtime, pipeline, [Json(1), Json(2)])
    found = [(result.node_id, text_of(result)) for result in results]
    assert sorted(found) == [
        ("a", "2.0"),
        ("a", "4.0"),
        ("b", "20.0"),
        ("b", "40.0"),
        ("c", "2.0"),
        ("c", "4.0"),
    ]


async def test_a_chunk_may_enter_at_any_node(runtime: Runtime, server: GrpcServer) -> None:
    pipeline = manifest(
        str(server.address),
        {"a": ("MultiplyNode", {"factor": 2}), "b": ("MultiplyNode", {"factor": 10})},
        "a>b",
    )
    async with runtime.open_session(pipeline) as session:
        await session.send(Json(1), node="b")
        assert (await session.receive()).data == Json(10.0)


async def test_a_control_message_comes_through_once_and_cancels_what_waits(
    runtime: Runtime, server: GrpcServer
) -> None:
    pipeline = manifest(
        str(server.address),
        {"a": "PassThrough", "b": "PassThrough", "c": "PassThrough"},
        "a>b b>c",
        here=("c",),
    )
    message = Control(CancelSpeculation(0, 10**6), "s", 7, "{}", metadata={"who": "me"})
    async with runtime.open_session(pipeline) as session:
        await session.send(Text("before"), timestamp_ms=1)
        assert (await session.receive()).data == Text("before")
        await session.send(message, timestamp_ms=2)
        await session.send(Text("after"), timestamp_ms=3)
        await session.close_input()
        assert [result.data async for result in session] == [message, Text("after")]


async def test_an_error_there_names_node_and_host_and_has_its_traceback(
    runtime: Runtime, server: GrpcServer
) -> None:
    pipeline = manifest(
        str(server.address),
        {"a": "PassThrough", "bad": ("ErrorProneNode", {"error_on_value": 3})},
        "a>bad",
    )
    with pytest.raises(HookError, match=f"node 'bad': on {server.address}: process") as caught:
        await run_through(runtime, pipeline, [Json(number) for number in range(50)])
    assert caught.value.node_id == "bad"
    assert "error_prone.py" in caught.value.stack_trace


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ({"node_type": "NoSuchNode"}, "NoSuchNode"),
        ({"params": {"factor": "x"}}, "factor"),
        ({"params": {"nothing": 1}}, "nothing"),
    ],
)
async def test_what_the_host_refuses_ends_the_session_with_its_reason(
    runtime: Runtime, server: GrpcServer, node: dict[str, Any], text: str
) -> None:
    pipeline = manifest(str(server.address), {"a": "MultiplyNode"}, a=node)
    with pytest.raises(ManifestError, match=f"on {server.address}: (?s:.*){text}"):
        await run_through(runtime, pipeline, [Json(1)])


async def test_a_host_that_is_not_allowed_is_refused_before_anything_starts(
    runtime: Runtime, server: GrpcServer, runtime_with: OpenRuntime
) -> None:
    other = manifest("10.0.0.1:50051", {"a": "PassThrough"})
    with pytest.raises(ManifestError, match="the operator does not allow this host"):
        runtime.plan(other)
    async with runtime_with(RuntimeConfig()) as without:
        with pytest.raises(ManifestError, match=r"set executors\.remote\.enabled = true"):
            without.plan(other)
    override = manifest(str(server.address), {"a": "PassThrough"}, here=("a",))
    override["metadata"]["multiprocess"] = {"executor_overrides": {"a": "remote"}}
    with pytest.raises(ManifestError, match="executor remote runs nodes that have a host"):
        runtime.plan(override)


async def test_a_full_host_is_a_limit(runtime_with: OpenRuntime) -> None:
    full = parse_config("[limits]\nmax_sessions = 1")
    async with (
        runtime_with(full) as there,
        open_server(there, environment=ANY_PORT) as server,
        runtime_with(config_for(str(server.address))) as here,
    ):
        pipeline = manifest(str(server.address), {"a": "PassThrough"})
        async with here.open_session(pipeline) as first:
            await first.wait_ready()
            with pytest.raises(LimitError, match=f"node 'a': on {server.address}"):
                await run_through(here, pipeline, [Text("x")])
            await first.send(Text("still here"))
            assert (await first.receive()).data == Text("still here")


async def test_the_operators_token_is_sent_and_no_other(
    runtime_with: OpenRuntime, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("right\n")
    (tmp_path / "wrong").write_text("wrong\n")
    async with (
        runtime_with(RuntimeConfig()) as there,
        open_server(there, environment={**ANY_PORT, "GRPC_AUTH_TOKENS": "right"}) as server,
    ):
        address = str(server.address)
        pipeline = manifest(address, {"a": "PassThrough"})
        async with runtime_with(config_for(address, token_file=str(tmp_path / "token"))) as here:
            assert len(await run_through(here, pipeline, [Text("x")])) == 1
        for host in ({}, {"token_file": str(tmp_path / "wrong")}):
            async with runtime_with(config_for(address, **host)) as here:
                with pytest.raises(NodeError, match="token") as caught:
                    await run_through(here, pipeline, [Text("x")])
                assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_host_that_dies_or_freezes_ends_its_sessions_in_time(how: signal.Signals) -> None:
    with serve_process() as process:
        async with runtime_of(process) as (runtime, address):
            pipeline = manifest(address, {"a": "PassThrough"})
            try:
                with pytest.raises(
                    NodeError, match="node 'a': its host is not available: "
                ) as caught:
                    async with runtime.open_session(pipeline) as session:
                        await session.send(Text("x"))
                        await session.receive()
                        os.kill(process.pid, how)
                        with trio.fail_after(10):
                            await session.receive()
                assert address in str(caught.value)
            finally:
                os.kill(process.pid, signal.SIGKILL)


async def test_a_host_that_is_not_there_ends_its_sessions_alone(runtime_with: OpenRuntime) -> None:
    address = "127.0.0.1:9"
    async with runtime_with(config_for(address)) as runtime:
        with pytest.raises(NodeError, match="its host is not available: 127.0.0.1:9"):
            await run_through(runtime, manifest(address, {"a": "PassThrough"}), [Text("x")])
        local = manifest(address, {"a": "PassThrough"}, here=("a",))
        assert len(await run_through(runtime, local, [Text("x")])) == 1


async def test_a_slow_reader_here_slows_the_host_down(runtime: Runtime, server: GrpcServer) -> None:
    pipeline = manifest(str(server.address), {"a": "PassThrough"})
    pipeline["metadata"]["multiprocess"] = {"channel_capacity": 2}
    chunk = Binary(bytes(1_000_000))
    sent = 0
    async with runtime.open_session(pipeline) as session:
        await session.wait_ready()
        with trio.move_on_after(1):
            while True:
                await session.send(chunk)
                sent += 1
        assert sent < 60
        await session.close_input()
        assert len([result async for result in session]) in (sent, sent + 1)


async def test_bundles_reach_the_host_whole(runtime: Runtime, server: GrpcServer) -> None:
    pipeline = manifest(str(server.address), {"a": "PassThrough"})
    bundle = Bundle({"x": Text("1"), "y": Json(2)})
    results = await run_through(runtime, pipeline, [bundle])
    assert [result.data for result in results] == [bundle]


async def test_a_client_of_the_server_here_may_name_the_host(
    runtime: Runtime, server: GrpcServer
) -> None:
    pipeline = manifest(str(server.address), {"a": ("MultiplyNode", {"factor": 2})})
    async with open_server(runtime, environment=ANY_PORT) as here:
        async with connect(str(here.address)) as client, client.stream(pipeline) as stream:
            await stream.send(Json(21), timestamp_ms=5)
            result = await stream.receive()
            assert result is not None
            assert (result.data, result.timestamp_ms) == (Json(42.0), 5)
            await stream.close()
            assert await stream.receive() is None
        async with connect(str(here.address)) as client:
            done = await client.execute(pipeline, Json(1))
            assert done.outputs == {"a": Json(2.0)}


async def test_a_source_stays_here_and_so_many_sessions_elsewhere_are_the_most(
    runtime: Runtime, server: GrpcServer
) -> None:
    source = manifest(str(server.address), {"a": "MediaSourceNode"})
    with pytest.raises(ManifestError, match="MediaSourceNode is a source"):
        runtime.plan(source)
    apart = manifest(str(server.address), {f"n{n}": "PassThrough" for n in range(9)})
    with pytest.raises(ManifestError, match=r"9 sessions on other hosts; the operator allows 8"):
        runtime.plan(apart)


async def test_the_time_to_get_ready_includes_the_way_to_the_host(
    runtime_with: OpenRuntime,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        pipeline = manifest(address, {"a": "PassThrough"})
        pipeline["metadata"]["multiprocess"] = {"init_timeout_secs": 0.5}
        async with runtime_with(config_for(address)) as runtime:
            with trio.fail_after(10), pytest.raises(NodeError) as caught:
                await run_through(runtime, pipeline, [Text("x")])
        assert caught.value.node_id == "a"


async def test_a_node_elsewhere_is_controlled_there(runtime: Runtime, server: GrpcServer) -> None:
    async with runtime.open_session(manifest(str(server.address), {"a": "PassThrough"})) as session:
        await session.wait_ready()
        with pytest.raises(CallerError, match=f"runs on {server.address}: attach to its session"):
            await session.bus.set_state("a", NodeState.BYPASS)


async def test_outputs_that_stay_on_a_host_are_not_tapped_and_all_others_are_recorded(
    runtime: Runtime, server: GrpcServer, tmp_path: Path
) -> None:
    nodes = {"a": "PassThrough", "b": "PassThrough", "c": "PassThrough"}
    pipeline = manifest(str(server.address), nodes, "a>b b>c", here=("c",))
    async with runtime.open_session(pipeline) as session:
        await session.wait_ready()
        with pytest.raises(CallerError, match=f"outputs of node 'a' stay on {server.address}"):
            async with session.tap("a"):
                pass
        async with record(session, tmp_path / "session.mcap"), session.tap("b") as outputs:
            await session.send(Text("x"))
            assert (await outputs.receive()).data == Text("x")
            await session.receive()
    recording = open_recording(tmp_path / "session.mcap")
    assert [each.node_id for each in recording if each.side is Side.OUTPUT] == ["b", "c"]


async def test_an_output_that_comes_back_can_be_intercepted(
    runtime: Runtime, server: GrpcServer
) -> None:
    async def decide(data: Data) -> Data:
        return Text("decided")

    async with runtime.open_session(manifest(str(server.address), {"a": "PassThrough"})) as session:
        await session.wait_ready()
        await session.bus.set_intercept("a", decide, 1.0)
        await session.send(Text("x"))
        assert (await session.receive()).data == Text("decided")


@pytest.mark.parametrize("key", ["millrace.barrier", "millrace.start", "millrace.control"])
async def test_a_client_cannot_send_what_only_the_session_says(runtime: Runtime, key: str) -> None:
    pipeline = manifest("", {"a": "PassThrough"}, here=("a",))
    async with runtime.open_session(pipeline) as session:
        with pytest.raises(InputError, match="keys of the runtime"):
            await session.send(Control(None, metadata={key: "abc"}))
        await session.send(Text("still here"))
        assert (await session.receive()).data == Text("still here")


@pytest.mark.parametrize(
    ("nodes", "edges", "here", "ways"),
    [
        ("a", "", (), {("", "a", "")}),
        ("abc", "a>b b>c", (), {("", "c", "")}),
        ("abcd", "a>b b>c c>d", ("a", "d"), {("", "a", "c", "d", "")}),
        ("abcd", "a>b b>c c>d", ("c",), {("", "b", "c", "d", "")}),
        ("abcd", "a>b a>c c>d", ("a",), {("", "a", "b", ""), ("", "a", "d", "")}),
    ],
)
async def test_the_latency_of_a_pipeline_with_nodes_elsewhere_is_explained_and_adds_up(
    runtime: Runtime,
    server: GrpcServer,
    nodes: str,
    edges: str,
    here: tuple[str, ...],
    ways: set[tuple[str, ...]],
) -> None:
    pipeline = manifest(str(server.address), dict.fromkeys(nodes, "PassThrough"), edges, here=here)
    async with (
        runtime.open_session(pipeline) as session,
        session.explained(all_chunks=True) as latency,
    ):
        for number in range(5):
            await session.send(Json(number))
        results = [await session.receive() for _ in range(5 * len(ways))]
        summary = await latency.summary(is_last=True)
        assert summary.incomplete == 0
        assert len(latency.results) == len(results)
        assert {each.path for each in latency.results} == ways
        for each in latency.results:
            parts = sum(getattr(stay, part.value) for stay in each.stays for part in PARTS)
            assert parts == each.total_ns
            assert sum(stay.process for stay in each.stays) > 0
