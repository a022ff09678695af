"""A client with the addresses of several servers."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trio

from runtime import CallerError, LimitError, UnreachableError
from runtime.client import RemoteRuntime, ServingStatus, connect
from tests.session.pipelines import chain

from .conftest import Addresses, Client, ServeSeveral, together_at

ECHO = chain("PassThrough", ["native"])
SECONDS = 30


@contextmanager
def address_of_nobody() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"  # and nobody listens there


async def echo_at(runtime: RemoteRuntime) -> str:
    """Run a session; return the address of its server."""
    async with runtime.stream(ECHO) as stream:
        await stream.send("x")
        assert await stream.receive() is not None
        await stream.close()
        assert await stream.receive() is None
        return stream.address


async def test_calls_go_by_turns_to_all_servers(
    serve_several: ServeSeveral, client: Client
) -> None:
    async with serve_several({}, {}, {}) as servers:

        async def body(runtime: RemoteRuntime) -> None:
            used = [await echo_at(runtime) for _ in range(6)]
            assert sorted(used) == sorted(str(each.address) for each in servers * 2)
            assert len(set(used[:3])) == 3

        await client(together_at(servers), body)


async def test_a_server_that_does_not_answer_is_passed_over(
    serve_several: ServeSeveral, client: Client
) -> None:
    async with serve_several({}) as servers:
        with address_of_nobody() as nobody:

            async def body(runtime: RemoteRuntime) -> None:
                for _ in range(3):
                    assert await echo_at(runtime) == str(servers[0].address)
                    assert (await runtime.execute(ECHO, "x")).outputs
                assert await runtime.health() is ServingStatus.SERVING

            await client(Addresses(f"{nobody}, {servers[0].address}"), body)


async def test_servers_that_all_do_not_answer_are_all_named(client: Client) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        raise AssertionError

    with address_of_nobody() as one, address_of_nobody() as two:
        with pytest.raises(UnreachableError, match="no server accepted the call") as caught:
            await client(Addresses(f"{one},{two}"), body)
        assert one in str(caught.value)
        assert two in str(caught.value)


async def test_a_session_that_a_full_server_refuses_is_opened_at_another_one(
    serve_several: ServeSeveral, client: Client
) -> None:
    full = {"limits": {"max_sessions": 1, "session_wait_secs": 0}}
    async with serve_several(full, full) as servers:

        async def body(runtime: RemoteRuntime) -> None:
            async with runtime.stream(ECHO) as one:
                # By turns, the second and the fourth call would be at the server of the first.
                async with runtime.stream(ECHO) as two:
                    assert {one.address, two.address} == {str(each.address) for each in servers}
                    with pytest.raises(LimitError, match="no server accepted the call"):
                        await runtime.execute(ECHO, "x")
                for _ in range(2):
                    assert (await runtime.execute(ECHO, "x")).outputs

        await client(together_at(servers), body)


async def test_a_server_that_shuts_down_gets_no_new_calls(serve_several: ServeSeveral) -> None:
    async with (
        serve_several({}, {}) as (one, two),
        connect([str(one.address), str(two.address)]) as runtime,
        trio.open_nursery() as nursery,
    ):
        assert {await echo_at(runtime), await echo_at(runtime)} == {
            str(one.address),
            str(two.address),
        }
        # It still accepts calls, and reports by its health that it will not for long.
        nursery.start_soon(lambda: one.drain(SECONDS, lame_duck_seconds=0.3))
        await trio.testing.wait_all_tasks_blocked(0.05)
        for _ in range(3):
            assert await echo_at(runtime) == str(two.address)


async def test_a_call_that_a_draining_server_refuses_is_made_at_another_one(
    serve_several: ServeSeveral, client: Client
) -> None:
    async with serve_several({}, {}) as (one, two):
        drained = trio.Event()
        token = trio.lowlevel.current_trio_token()

        async def body(runtime: RemoteRuntime) -> None:
            assert {await echo_at(runtime), await echo_at(runtime)} == {
                str(one.address),
                str(two.address),
            }
            token.run_sync_soon(drained.set)
            for _ in range(6):
                assert (await runtime.execute(ECHO, "x")).outputs
                await echo_at(runtime)

        async def drain() -> None:
            await drained.wait()
            await one.drain(SECONDS)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(drain)
            await client(together_at([one, two]), body)


async def test_operations_concern_one_server(serve_several: ServeSeveral) -> None:
    async with (
        serve_several({}, {}) as (one, two),
        connect((str(one.address), str(two.address))) as runtime,
    ):
        with pytest.raises(CallerError, match="this call concerns one server"):
            await runtime.sessions()
        async with runtime.stream(ECHO) as stream:
            await stream.wait_ready()
            async with (
                connect(stream.address) as alone,
                alone.attach(stream.session_id) as attach,
            ):
                event = await attach.receive()
                assert event is not None
                assert event.attached is not None


async def test_an_attach_finds_the_replica_that_has_the_session(
    serve_several: ServeSeveral, client: Client
) -> None:
    replicas = [{"server": {"replica_id": f"replica-{number}"}} for number in (1, 2, 3)]

    async def body(runtime: RemoteRuntime) -> None:
        for _ in range(3):
            async with runtime.stream(ECHO) as stream:
                await stream.wait_ready()
                assert re.fullmatch(r"replica-[123]-1-[0-9a-f]{16}", stream.session_id)
                async with runtime.attach(stream.session_id, "mine") as attach:
                    event = await attach.receive()
                    assert event is not None
                    assert event.attached is not None
                    assert event.attached.session_id == stream.session_id
                    assert event.attached.attach_id == "mine"

    async with serve_several(*replicas) as servers:
        await client(together_at(servers), body)
        # Also a client that has opened none of the sessions.
        async with (
            connect(str(servers[0].address)) as first,
            first.stream(ECHO) as stream,
        ):
            await stream.wait_ready()

            async def attach(runtime: RemoteRuntime) -> None:
                async with runtime.attach(stream.session_id) as attached:
                    assert await attached.receive() is not None

            await client(together_at([servers[2], servers[1], servers[0]]), attach)


async def test_a_replica_tells_where_a_session_is(serve_several: ServeSeveral) -> None:
    config = {"server": {"replica_id": "a", "replicas": {"b": "10.0.0.2:50051"}}}
    number = "7-0123456789abcdef"
    expected = {
        f"a-{number}": "is open on this server$",
        f"b-{number}": "the replica 'a'; the id is of 'b', at 10.0.0.2:50051: connect there",
        f"c-{number}": "the id is of 'c': connect to the address of that one",
        "no id": "no session 'no id' is open on this server$",
        "x" * 200_000: f"no session '{'x' * 80}' is open on this server$",
        "c" * 64 + f"-{number}": "is open on this server$",
    }
    async with (
        serve_several(config) as (server,),
        connect(str(server.address)) as runtime,
    ):
        for session_id, words in expected.items():
            async with runtime.attach(session_id) as attach:
                with pytest.raises(CallerError, match=words):
                    await attach.receive()


async def test_an_attach_follows_no_address_that_the_client_was_not_given(
    serve_several: ServeSeveral,
) -> None:
    async with serve_several({"server": {"replica_id": "b"}}, {}, {}) as (elsewhere, *_):
        told = {"server": {"replica_id": "a", "replicas": {"b": str(elsewhere.address)}}}
        async with (
            serve_several(told, told) as (one, two),
            connect((str(one.address), str(two.address))) as runtime,
            connect(str(elsewhere.address)) as other,
            other.stream(ECHO) as stream,
        ):
            await stream.wait_ready()
            with pytest.raises(CallerError, match="no server has the session: .*connect there"):
                async with runtime.attach(stream.session_id):
                    pass


async def test_an_attach_passes_by_a_server_that_is_gone(
    serve_several: ServeSeveral, client: Client
) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(ECHO) as stream:
            await stream.wait_ready()
            async with runtime.attach(stream.session_id) as attach:
                assert await attach.receive() is not None
        with pytest.raises(CallerError, match="no server has the session"):
            async with runtime.attach("b-1-0123456789abcdef"):
                pass

    async with serve_several({}) as servers:
        addresses = f"127.0.0.1:1,{servers[0].address}"
        await client(Addresses(addresses), body)


@pytest.mark.parametrize("addresses", [[], "", "a:1,,b:2", ["a:1", "everywhere"], ["a:1,b:2"]])
async def test_addresses_that_are_none_are_refused(addresses: Any) -> None:
    with pytest.raises(CallerError, match="address"):
        async with connect(addresses):
            pass
