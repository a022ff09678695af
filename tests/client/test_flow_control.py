"""What does not fit waits; and whatever is cancelled while it waits loses nothing."""

import os
from pathlib import Path

import numpy as np
import pytest

from actors import Binary, Data, Json
from runtime import LimitError, Manifest, SessionClosedError
from runtime.client import RemoteRuntime, RemoteStream
from runtime.service import GrpcServer
from tests.session.pipelines import chain, manifest

from .conftest import Client
from .libraries import ends_within, together, write_to

MEGABYTE = 1_000_000
# Longer than a chunk that is not held up needs, on a machine that is busy.
BLOCKED_SECONDS = 0.5


@pytest.fixture
def gated(tmp_path: Path) -> tuple[Manifest, str]:
    """A pipeline of few bytes that holds its first item, and the pipe that lets it go."""
    pipe = str(tmp_path / "gate")
    os.mkfifo(pipe)
    nodes = {"gate": ("Gated", {"path": pipe})}
    return manifest(nodes, places={"gate": "multiprocess"}, channel_capacity=2), pipe


def megabyte(number: int) -> Binary:
    return Binary(np.full(MEGABYTE, number, np.uint8))


async def send_until_blocked(stream: RemoteStream, items: list[Data]) -> int:
    """Return how many sends ended; the next one was cancelled in its middle."""
    for count, item in enumerate(items):

        async def send(item: Data = item) -> None:
            await stream.send(item)

        if not await ends_within(BLOCKED_SECONDS, send):
            return count
    return len(items)


async def test_a_slow_pipeline_stops_its_client_and_a_cancelled_send_loses_nothing(
    server: GrpcServer, client: Client, gated: tuple[Manifest, str]
) -> None:
    pipeline, pipe = gated

    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(pipeline) as stream:
            sent = await send_until_blocked(stream, [megabyte(n) for n in range(40)])
            assert 3 <= sent < 20  # the link, the server's window, and what the sockets hold
            results: list[Data] = []

            async def finish() -> None:
                await write_to(pipe)
                # Completes the one whose beginning is on its way.
                await stream.send(megabyte(255))
                await stream.close()

            async def receive() -> None:
                results.extend([result.data async for result in stream])

            await together(finish, receive)
        expected: list[Data] = [*map(megabyte, range(sent)), megabyte(255)]
        begun = megabyte(sent)
        assert results == expected or results == [*expected[:-1], begun, expected[-1]]

    await client(server, body)


async def test_a_receive_that_is_cancelled_loses_nothing(
    server: GrpcServer, client: Client
) -> None:
    slow = manifest({"slow": ("Slow", {"seconds": 0.003})}, places={"slow": "native"})

    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(slow) as stream:
            for number in range(60):
                await stream.send(Json(number))
            await stream.close()
            received: list[object] = []

            async def receive() -> None:
                async for result in stream:
                    received.append(result.sequence)  # noqa: PERF401 (it is cancelled in between)

            while not await ends_within(0.002, receive):
                pass
        assert received == list(range(60))

    await client(server, body)


async def test_results_that_nobody_reads_hold_the_pipeline_up(
    server: GrpcServer, client: Client
) -> None:
    pipeline = manifest({"echo": "PassThrough"}, places={"echo": "native"}, channel_capacity=2)

    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(pipeline) as stream:
            sent = await send_until_blocked(stream, [megabyte(n) for n in range(60)])
            assert sent < 40
            assert await stream.receive() is not None

    await client(server, body)


async def test_cancelling_does_not_wait_for_a_server_that_takes_nothing(
    server: GrpcServer, client: Client
) -> None:
    slow = manifest({"slow": ("Slow", {"seconds": 3600})}, places={"slow": "multiprocess"})

    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(slow) as stream:

            async def send_for_ever() -> None:
                with pytest.raises(SessionClosedError):
                    while True:
                        await stream.send(megabyte(0))

            async def cancel() -> None:
                await stream.wait_ready()
                assert not await ends_within(BLOCKED_SECONDS, stream.receive)
                await stream.cancel()
                assert await stream.receive() is None

            await together(send_for_ever, cancel)

    await client(server, body)
    await server.drain(10)
    assert server.active_calls == 0


async def test_200_chunks_that_are_sent_before_anything_is_read_come_back_complete(
    server: GrpcServer, client: Client
) -> None:
    pipeline = manifest({"n": "PassThrough"}, places={"n": "multiprocess"})

    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(pipeline) as stream:
            for _ in range(200):
                await stream.send(np.zeros(640, np.float32), sample_rate=16000)
            await stream.close()
            assert [result.sequence async for result in stream] == list(range(200))

    await client(server, body)


async def test_a_message_that_is_too_long_is_refused_and_the_stream_goes_on(
    server: GrpcServer, client: Client
) -> None:
    pipeline = manifest({"n": "PassThrough"}, places={"n": "native"})

    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(pipeline) as stream:
            with pytest.raises(LimitError, match=r"of 10000\d\d bytes; this client sends"):
                await stream.send(megabyte(0))
            await stream.send("short")
            result = await stream.receive()
            assert result is not None

    await client(server, body, max_message_bytes=100_000)


async def test_a_result_that_is_too_long_for_the_client_ends_the_stream(
    server: GrpcServer, client: Client
) -> None:
    pipeline = manifest({"big": "Inflate"}, places={"big": "native"})

    async def body(runtime: RemoteRuntime) -> None:
        async with runtime.stream(pipeline) as stream:
            await stream.send(Json(MEGABYTE))
            with pytest.raises(LimitError, match="this client takes at most 100000"):
                await stream.receive()

    with pytest.raises(LimitError):
        await client(server, body, max_message_bytes=100_000)


async def test_ten_megabytes_pass_both_ways(server: GrpcServer, client: Client) -> None:
    pipeline = manifest({"n": "PassThrough"}, places={"n": "native"})

    async def body(runtime: RemoteRuntime) -> None:
        data = np.arange(10 * MEGABYTE // 4, dtype=np.int32)
        async with runtime.stream(pipeline) as stream:
            await stream.send(data)
            result = await stream.receive()
            assert result is not None
            assert (result.data.array == data).all()  # type: ignore[attr-defined]

    await client(server, body)


async def test_a_loop_of_sends_lets_other_tasks_run(server: GrpcServer, client: Client) -> None:
    async def body(runtime: RemoteRuntime) -> None:
        received = 0
        async with runtime.stream(chain("PassThrough", ["native"])) as stream:
            await stream.wait_ready()

            async def send() -> None:
                for number in range(5000):
                    await stream.send(Json(number))
                assert received
                await stream.close()

            async def receive() -> None:
                nonlocal received
                async for _ in stream:
                    received += 1

            await together(send, receive)
        assert received == 5000

    await client(server, body)
