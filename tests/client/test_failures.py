"""What goes wrong on a server is raised here: the same class, with the same facts."""

import signal
from pathlib import Path

import numpy as np
import pytest

from actors import Bundle, DataError, Json, Text
from runtime import (
    CallerError,
    HookError,
    InputError,
    LimitError,
    ManifestError,
    MillraceError,
    NodeError,
    ProcessExitError,
    ResourceLimits,
    SessionClosedError,
    UnknownNodeError,
)
from runtime.client import RemoteRuntime
from runtime.service import GrpcServer
from runtime.wire import ErrorResponse, ErrorType
from runtime.wire.conversion import error_of
from tests.session.pipelines import chain, manifest

from .conftest import Client, Serve

PLACES = ["native", "multiprocess"]


@pytest.mark.parametrize("place", PLACES)
async def test_a_failing_node_is_raised_with_its_traceback(
    server: GrpcServer, client: Client, place: str
) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(chain("Raising", [place])) as stream:
            await stream.send("x")
            await stream.receive()

    with pytest.raises(HookError) as caught:
        await client(server, body)
    error = caught.value
    assert str(error) == "node 'n0': process() raised RuntimeError: this process always fails"
    assert (error.node_id, error.hook, error.exception_type) == ("n0", "process", "RuntimeError")
    assert error.detail == "this process always fails"
    assert "in _maybe" in error.stack_trace


async def test_a_failing_node_is_raised_by_send_too(server: GrpcServer, client: Client) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(chain("Raising", ["multiprocess"])) as stream:
            await stream.wait_ready()
            while True:
                await stream.send(np.zeros(100_000))

    with pytest.raises(HookError):
        await client(server, body)


async def test_a_failure_that_has_come_is_raised_by_leaving_the_block(
    server: GrpcServer, client: Client
) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(chain("Raising", ["native"])) as stream:
            await stream.send("x")
            with pytest.raises(HookError):
                await stream.receive()

    with pytest.raises(HookError):
        await client(server, body)


async def test_results_before_a_failure_are_received_before_it(
    server: GrpcServer, client: Client
) -> None:
    calculator = manifest({"sum": "CalculatorNode"}, places={"sum": "native"})

    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(calculator) as stream:
            await stream.send(Json({"operation": "add", "operands": [1, 2]}))
            result = await stream.receive()
            assert result is not None
            await stream.send(Json({"operation": "divide", "operands": [1, 0]}))
            await stream.receive()

    with pytest.raises(NodeError, match="sum"):
        await client(server, body)


async def test_a_killed_node_is_raised_with_its_signal(server: GrpcServer, client: Client) -> None:
    pipeline = manifest({"n": ("Exiting", {"signal_number": int(signal.SIGKILL)})})
    pipeline = manifest(
        {"n": ("Exiting", {"signal_number": int(signal.SIGKILL)})}, places={"n": "multiprocess"}
    )

    async def body(runtime: RemoteRuntime) -> None:
        await runtime.execute(pipeline, "x")

    with pytest.raises(ProcessExitError) as caught:
        await client(server, body)
    assert (caught.value.signal_name, caught.value.exit_status) == ("SIGKILL", None)


async def test_a_failing_initialization_is_raised_by_whoever_waits_for_it(
    server: GrpcServer, client: Client
) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        pipeline = manifest({"n": ("Raising", {"hook": "initialize"})}, places={"n": "native"})
        async with runtime.stream(pipeline) as stream:
            reports = [report async for report in stream.progress()]
            raise AssertionError(reports)

    with pytest.raises(HookError, match="this initialize always fails"):
        await client(server, body)


async def test_a_manifest_that_the_server_refuses_comes_back_with_all_faults(
    server: GrpcServer, client: Client
) -> None:
    pipeline = manifest({"a": "EchoNod", "b": ("MultiplyNode", {"factor": "two"})})

    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(pipeline) as stream:
            await stream.wait_ready()

    with pytest.raises(ManifestError) as caught:
        await client(server, body)
    first, second = caught.value.faults
    assert "EchoNode" in first.message
    assert "factor" in second.where


async def test_a_manifest_that_is_no_manifest_does_not_leave_this_machine(
    server: GrpcServer, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "wrong.json").write_text('{"version": "v1"}')

    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(tmp_path / "wrong.json"):
            raise AssertionError("never comes here")

    with pytest.raises(ManifestError, match=r"wrong\.json"):
        await client(server, body)


async def test_what_cannot_be_sent_is_refused_before_it_is(
    server: GrpcServer, client: Client
) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(chain("PassThrough", ["native"])) as stream:
            with pytest.raises(InputError, match="got dict; send an item of `actors`"):
                await stream.send({"operation": "add"})  # type: ignore[arg-type]
            with pytest.raises(InputError, match="sample_rate is for an array of audio"):
                await stream.send(Text("x"), sample_rate=16000)
            with pytest.raises(DataError, match=r"convert with samples.astype\(np.float32\)"):
                await stream.send(np.zeros(3), sample_rate=16000)
            with pytest.raises(UnknownNodeError, match="no node 'n1'; it has: n0"):
                await stream.send("x", node="n1")
            with pytest.raises(InputError, match="sequence"):
                await stream.send("x", sequence=-1)
            await stream.close()
            with pytest.raises(SessionClosedError, match=r"chunks: close\(\) was called"):
                await stream.send("x")
        with pytest.raises(InputError, match="a bundle for node 'n0' cannot be the input"):
            await runtime.execute(
                chain("PassThrough", ["native"]), {"n0": Bundle({"a": Text("x")})}
            )
        with pytest.raises(UnknownNodeError):
            await runtime.execute(chain("PassThrough", ["native"]), {"n1": "x"})

    await client(server, body)


async def test_resource_limits_go_along(server: GrpcServer, client: Client) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        limits = ResourceLimits(max_audio_samples=100)
        async with runtime.stream(
            chain("PassThrough", ["native"]), resource_limits=limits
        ) as stream:
            await stream.send(np.zeros(101, np.float32), sample_rate=8000)
            await stream.receive()

    with pytest.raises(LimitError, match="max_audio_samples"):
        await client(server, body)


async def test_a_traceback_that_the_server_keeps_to_itself_is_empty(
    serve: Serve, client: Client
) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        await runtime.execute(chain("Raising", ["native"]), "x")

    async with serve({}, expose_tracebacks=False) as server:
        with pytest.raises(HookError) as caught:
            await client(server, body)
    assert caught.value.stack_trace == ""


async def test_leaving_the_block_early_ends_the_session_on_the_server(
    server: GrpcServer, client: Client
) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(chain("PassThrough", ["multiprocess"])) as stream:
            await stream.wait_ready()

    await client(server, body)
    await server.drain(10)
    assert server.active_calls == 0


async def test_an_error_of_the_block_is_raised_as_it_is(server: GrpcServer, client: Client) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(chain("PassThrough", ["native"])):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await client(server, body)


@pytest.mark.parametrize("context", ["", "{", '{"error": 1}', '{"error": "HookError"}', "[]"])
@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (ErrorType.NODE_EXECUTION, NodeError),
        (ErrorType.VALIDATION, CallerError),
        (ErrorType.RESOURCE_LIMIT, LimitError),
    ],
)
def test_an_error_of_another_server_is_understood_by_its_number(
    context: str, number: ErrorType, expected: type[MillraceError]
) -> None:
    message = ErrorResponse(
        error_type=number, message="it broke", failing_node_id="n", context=context
    )
    found = error_of(message)
    assert isinstance(found, expected)
    assert (str(found), found.node_id) == ("it broke", "n")
