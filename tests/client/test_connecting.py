"""Reaching a server, being let in, and losing it."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from actors import Text
from runtime import (
    AuthenticationError,
    CallerError,
    ConfigError,
    MillraceError,
    Runtime,
    ServerError,
    UnreachableError,
)
from runtime.client import RemoteRuntime, ServingStatus, client_tls, connect
from runtime.service import GrpcServer, open_server
from tests.session.pipelines import chain

from .certificates import make_certificate
from .conftest import ANY_PORT, Client, Serve
from .libraries import together

ECHO = chain("PassThrough", ["native"])


async def ask(runtime: RemoteRuntime) -> None:
    assert (await runtime.version()).compatible


async def test_a_server_tells_what_it_is(server: GrpcServer, client: Client) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        version = await runtime.version()
        assert version.version_info is not None
        assert "PassThrough" in version.version_info.supported_node_types
        assert await runtime.health() is ServingStatus.SERVING
        with pytest.raises(CallerError, match="this server has no service 'other'"):
            await runtime.health("other")

    await client(server, body)


async def test_calls_need_the_right_token_and_health_needs_none(
    serve: Serve, client: Client
) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        assert await runtime.health() is ServingStatus.SERVING
        with pytest.raises(AuthenticationError):
            await runtime.version()
        with pytest.raises(AuthenticationError):
            await runtime.execute(ECHO, "x")
        async with runtime.stream(ECHO) as stream:
            await stream.wait_ready()

    async with serve({"GRPC_AUTH_TOKENS": "right"}) as server:
        with pytest.raises(AuthenticationError, match="no token; send the metadata"):
            await client(server, body)
        with pytest.raises(AuthenticationError, match="this token is not known here"):
            await client(server, body, token="wrong")
        await client(server, ask, token="right")


@pytest.mark.parametrize("token", ["", "two words", "grün", "line\nbreak"])
async def test_a_token_that_cannot_be_one_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(CallerError) as caught:
        async with connect(token=token):
            pass
    assert token == "" or token not in str(caught.value)


async def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(CallerError, match='expected "host:port"'):
        async with connect("everywhere"):
            pass


async def test_a_server_that_is_not_there_cannot_be_reached(client: Client) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]  # and nobody listens there

        class Gone:
            address = f"127.0.0.1:{port}"

        with pytest.raises(UnreachableError, match=f"{port} cannot be reached: Connection refused"):
            await client(Gone, ask)


async def test_a_server_that_accepts_and_says_nothing_ends_the_wait_of_a_cancelled_call(
    client: Client,
) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        class Silent:
            address = f"127.0.0.1:{listening.getsockname()[1]}"

        async def body(runtime: RemoteRuntime) -> None:
            async def hang_up() -> None:
                (await trio.to_thread.run_sync(listening.accept))[0].close()

            async def hang_up_in_thread() -> None:
                (await asyncio.to_thread(listening.accept))[0].close()

            async def call() -> None:
                with pytest.raises(UnreachableError, match="the connection was lost"):
                    await runtime.version()

            is_trio = "trio" in type(runtime._bridge).__name__.lower()
            await together(call, hang_up if is_trio else hang_up_in_thread)

        await client(Silent, body)


async def test_what_is_no_grpc_server_is_told(client: Client) -> None:
    async def serve_http(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, serve_http, 0)

        class Other:
            address = f"127.0.0.1:{listeners[0].socket.getsockname()[1]}"

        with pytest.raises(ServerError):
            await client(Other, ask)
        nursery.cancel_scope.cancel()


async def test_tls_and_a_client_certificate(serve: Serve, client: Client, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "server")
    mine, my_key = make_certificate(tmp_path, "client")
    settings = {"tls_certificate": str(certificate), "tls_key": str(key)}
    async with serve({}, **settings) as server:
        await client(server, ask, tls=client_tls(certificate))
        with pytest.raises(UnreachableError, match="its certificate is not trusted"):
            await client(server, ask, tls=client_tls(mine))
        with pytest.raises(UnreachableError):
            await client(server, ask)
    async with serve({}, **settings, tls_client_ca=str(mine)) as server:
        await client(server, ask, tls=client_tls(certificate, certificate=mine, key=my_key))
        with pytest.raises(UnreachableError):
            await client(server, ask, tls=client_tls(certificate))
    async with serve({}) as server:
        with pytest.raises(UnreachableError, match="does it serve TLS at all"):
            await client(server, ask, tls=client_tls(certificate))


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(CallerError, match=r"ca\.pem: cannot be used for TLS"):
        client_tls(tmp_path / "ca.pem")
    with pytest.raises(CallerError, match="No such file"):
        client_tls(tmp_path / "none.pem")
    with pytest.raises(CallerError, match="a key without a certificate"):
        client_tls(key=tmp_path / "key.pem")


async def test_a_server_that_goes_down_says_so_to_a_stream(serve: Serve, client: Client) -> None:
    started = trio.Event()
    token = trio.lowlevel.current_trio_token()

    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(ECHO) as stream:
            await stream.wait_ready()
            token.run_sync_soon(started.set)
            await stream.receive()

    with pytest.RaisesGroup(pytest.RaisesExc(MillraceError, match="it ended this session")):
        async with trio.open_nursery() as nursery, serve({}) as server:
            nursery.start_soon(client, server, body)
            await started.wait()


async def test_a_lost_connection_is_made_anew_by_the_next_call(
    server: GrpcServer, client: Client
) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(ECHO) as stream:
            await stream.wait_ready()
            runtime._servers.sole()._channel.protocols[-1].transport.abort()  # type: ignore[union-attr]
            with pytest.raises(UnreachableError, match="the connection was lost"):
                await stream.receive()
            await ask(runtime)
            raise KeyError

    with pytest.raises(KeyError):
        await client(server, body)


async def test_in_trio_any_task_may_use_any_of_several_connections(server: GrpcServer) -> None:
    async def talk(runtime: RemoteRuntime, done: trio.Event) -> None:
        async with runtime.stream(ECHO) as stream:
            await stream.send("x")
            assert await stream.receive() is not None
        done.set()

    address = str(server.address)
    async with trio.open_nursery() as outside, connect(address) as one, connect(address) as two:
        ends = {runtime: trio.Event() for runtime in (one, two)}
        async with trio.open_nursery() as inside:
            for runtime, end in ends.items():
                await talk(runtime, trio.Event())
                inside.start_soon(talk, runtime, trio.Event())
                outside.start_soon(talk, runtime, end)
        await ask(one)
        for end in ends.values():  # the connections close at the end of the block
            await end.wait()


async def test_in_trio_a_cancelled_block_leaves_nothing(server: GrpcServer) -> None:
    async with connect(str(server.address)) as runtime, trio.open_nursery() as nursery:

        async def wait(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            async with runtime.stream(ECHO) as stream:
                await stream.wait_ready()
                task_status.started()
                await stream.receive()

        await nursery.start(wait)
        nursery.cancel_scope.cancel()
    await server.drain(10)
    assert server.active_calls == 0


def test_an_asyncio_client_needs_no_trio() -> None:
    code = (
        "import sys, runtime.client; print([m for m in ('trio', 'iceoryx2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


async def test_a_server_refuses_connections_until_it_listens(runtime: Runtime) -> None:
    async with open_server(runtime, environment=ANY_PORT, listens=False) as server:
        with pytest.raises(UnreachableError, match="refused"):
            async with connect(str(server.address)):
                pass
        server.start_listening()
        async with connect(str(server.address)) as client:
            assert (await client.version()).compatible


async def test_an_address_at_which_another_server_listens_since_is_a_clear_error(
    runtime: Runtime,
) -> None:
    async with open_server(runtime, environment=ANY_PORT, listens=False) as first:
        taken = {"GRPC_BIND_ADDRESS": str(first.address)}
        async with open_server(runtime, environment=taken, listens=False) as second:
            first.start_listening()
            with pytest.raises(ConfigError, match="cannot be listened on: Address already in use"):
                second.start_listening()


async def test_no_call_fails_where_connections_have_an_age(serve: Serve, client: Client) -> None:
    async with serve({}, max_connection_age_secs=0.05) as server:

        async def body(runtime: RemoteRuntime) -> None:
            for number in range(300):
                await runtime.execute(ECHO, str(number))
            async with runtime.stream(ECHO) as long:
                await long.send("first")
                for number in range(100):
                    await runtime.execute(ECHO, str(number))
                await long.send("last")
                for expected in ("first", "last"):
                    result = await long.receive()
                    assert result is not None
                    assert result.data == Text(expected)

        await client(server, body)
