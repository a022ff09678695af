"""A stream that goes on at another server when its own shuts down."""

import numpy as np
import pytest
import trio

from actors import Json, NumpyArray
from runtime import MillraceError, UnreachableError
from runtime.client import RemoteRuntime, RemoteStream, connect
from tests.session.pipelines import chain, manifest

from .conftest import Client, ServeSeveral
from .draining import Drain, run_with_drain
from .libraries import together

ECHO = chain("PassThrough", ["native"])
STATEFUL = chain("EchoNode", ["native"])


async def send_numbers(stream: RemoteStream, count: int, *, first: int = 0) -> None:
    for number in range(first, first + count):
        await stream.send(Json(number), sequence=number)


async def received(stream: RemoteStream) -> list[int]:
    return [result.sequence async for result in stream]


@pytest.mark.parametrize("lame_duck_seconds", [0, 0.2])
async def test_a_stream_moves_when_its_server_shuts_down_and_nothing_is_lost(
    serve_several: ServeSeveral, client: Client, lame_duck_seconds: float
) -> None:
    async def body(runtime: RemoteRuntime, drain: Drain) -> None:
        async with runtime.stream(ECHO) as stream:
            addresses, ids = [stream.address], set()
            sequences: list[int] = []
            sent = 0

            async def send_and_receive(count: int) -> None:
                nonlocal sent
                await send_numbers(stream, count, first=sent)
                sent += count
                for _ in range(count):
                    result = await stream.receive()
                    assert result is not None
                    sequences.append(result.sequence)
                ids.add(stream.session_id)

            for _ in range(2):
                await send_and_receive(10)
                drain.begin(stream.address)
                while stream.address == addresses[-1]:
                    await send_and_receive(3)
                addresses.append(stream.address)
            await send_numbers(stream, 10, first=sent)
            await stream.close()
            sequences += await received(stream)
            assert stream.closed is not None
            assert sequences == list(range(sent + 10))
            assert len(set(addresses)) == len(ids) == 3

    async with serve_several({}, {}, {}) as servers:
        await run_with_drain(client, servers, body, lame_duck_seconds=lame_duck_seconds)


async def test_a_client_that_does_not_read_the_notice_moves_after_the_end(
    serve_several: ServeSeveral, client: Client
) -> None:
    slow = manifest({"n0": ("SlowAndStateless", {"seconds": 0.02})}, channel_capacity=5)

    async def body(runtime: RemoteRuntime, drain: Drain) -> None:
        async with runtime.stream(slow) as stream:
            await stream.wait_ready()
            before = stream.address
            drain.begin(before)
            # Much more than the old server can process before it ends.
            await send_numbers(stream, 60)
            await stream.close()
            assert await received(stream) == list(range(60))
            assert stream.address != before

    async with serve_several({}, {}) as servers:
        await run_with_drain(client, servers, body, seconds=0.1)


async def test_chunks_larger_than_the_window_are_sent_again(
    serve_several: ServeSeveral, client: Client
) -> None:
    slow = manifest({"n0": ("SlowAndStateless", {"seconds": 0.05})}, channel_capacity=2)

    async def body(runtime: RemoteRuntime, drain: Drain) -> None:
        async with runtime.stream(slow) as stream:
            await stream.wait_ready()
            sums: list[tuple[int, int]] = []

            async def send() -> None:
                drain.begin(stream.address)
                for number in range(16):
                    await stream.send(NumpyArray(np.full(1_500_000, number, np.uint8)))
                await stream.close()

            async def receive() -> None:
                async for result in stream:
                    assert isinstance(result.data, NumpyArray)
                    sums.append((result.sequence, int(result.data.array[-1])))

            await together(send, receive)
            assert sums == [(number, number) for number in range(16)]

    async with serve_several({}, {}) as servers:
        await run_with_drain(client, servers, body, seconds=0.1)


async def test_a_stream_with_a_state_stays_and_gets_what_was_taken(
    serve_several: ServeSeveral, client: Client
) -> None:
    async def body(runtime: RemoteRuntime, drain: Drain) -> None:
        async with runtime.stream(STATEFUL) as stream:
            await stream.wait_ready()
            before = stream.address
            for _ in range(3):
                await stream.send("x")
            for number in range(3):
                result = await stream.receive()
                assert result is not None
                assert result.sequence == number
            drain.begin(before)
            assert await stream.receive() is None
            assert stream.address == before
            assert stream.closed is not None
            assert stream.closed.reason == "the server is shutting down"

    async with serve_several({}, {}) as servers:
        await run_with_drain(client, servers, body, seconds=0.2)


async def test_a_stream_that_is_cancelled_while_it_moves_ends(
    serve_several: ServeSeveral, client: Client
) -> None:
    async def body(runtime: RemoteRuntime, drain: Drain) -> None:
        async with runtime.stream(ECHO) as stream:
            await stream.wait_ready()
            drain.begin(stream.address)
            await send_numbers(stream, 10)
            assert await stream.receive() is not None
            await stream.cancel()
            rest = await received(stream)
            assert rest == list(range(1, 1 + len(rest)))

    async with serve_several({}, {}) as servers:
        await run_with_drain(client, servers, body)


async def test_without_another_server_a_stream_goes_on_until_its_own_ends(
    serve_several: ServeSeveral, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.client.mover._LATE_SECONDS", 0.2)
    async with (
        serve_several({}, {}) as (one, two),
        connect([str(one.address), str(two.address)]) as runtime,
        trio.open_nursery() as nursery,
    ):
        with pytest.RaisesGroup(
            pytest.RaisesExc(UnreachableError, match="no other server goes on"),
            allow_unwrapped=True,
        ):
            async with runtime.stream(ECHO) as stream:
                await stream.wait_ready()
                nursery.start_soon(one.drain, 0.3)
                nursery.start_soon(two.drain, 0.3)
                sent = 0
                with pytest.raises(MillraceError, match="no other server goes on"):
                    while True:
                        await stream.send(Json(sent), sequence=sent)
                        sent += 1
                        result = await stream.receive()
                        assert result is not None
                        assert result.sequence == sent - 1


async def test_a_stream_at_the_only_address_ends_with_its_server(
    serve_several: ServeSeveral, client: Client
) -> None:
    async def body(runtime: RemoteRuntime, drain: Drain) -> None:
        async with runtime.stream(ECHO) as stream:
            await stream.send("x")
            await stream.wait_ready()
            drain.begin(stream.address)
            assert await received(stream) == [0]
            assert stream.closed is not None

    async with serve_several({}) as servers:
        await run_with_drain(client, servers, body, seconds=0.2)
