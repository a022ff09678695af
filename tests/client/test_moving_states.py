"""Streams whose nodes remember something go on at another server with what they remember."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors import Audio, Json, Text
from runtime import MillraceError
from runtime.client import RemoteRuntime, RemoteStream
from tests.session.pipelines import chain, manifest

from .conftest import Client, ServeSeveral
from .draining import Drain, run_with_drain

PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    """The settings of a server that lets streams move with their state."""
    keys = tmp_path / "keys"
    keys.write_text("# of the tests\n" + 32 * "k" + "\n")
    return {"server": {"state_key_file": str(keys)}}


async def results(stream: RemoteStream) -> list[Any]:
    return [result.data async for result in stream]


def moving(check: Callable[[RemoteStream, Drain], Awaitable[None]], pipeline: Any) -> Any:
    async def body(runtime: RemoteRuntime, drain: Drain) -> None:
        async with runtime.stream(pipeline) as stream:
            await stream.wait_ready()
            await check(stream, drain)

    return body


@PLACES
async def test_a_counter_goes_on_counting_at_each_server(
    serve_several: ServeSeveral, client: Client, config: dict[str, Any], place: str
) -> None:
    async def check(stream: RemoteStream, drain: Drain) -> None:
        texts: list[str] = []
        addresses = [stream.address]

        async def exchange() -> None:
            await stream.send("x")
            result = await stream.receive()
            assert result is not None
            assert isinstance(result.data, Text)
            texts.append(result.data.text)

        for _ in range(2):
            for _ in range(3):
                await exchange()
            drain.begin(stream.address)
            while stream.address == addresses[-1]:
                await exchange()
            addresses.append(stream.address)
        await exchange()
        await stream.close()
        assert await stream.receive() is None
        assert len(set(addresses)) == 3
        inner = "Echo #{0}: Echo #{0}: x"
        assert texts == [inner.format(number) for number in range(1, len(texts) + 1)]

    async with serve_several(config, config, config) as servers:
        await run_with_drain(client, servers, moving(check, chain("EchoNode", [place, place])))


@PLACES
async def test_what_nodes_hold_moves_and_is_flushed_once_at_the_end(
    serve_several: ServeSeveral, client: Client, config: dict[str, Any], place: str
) -> None:
    windows = manifest({"a": ("WindowNode", {"size": 10})}, places={"a": place})

    async def check(stream: RemoteStream, drain: Drain) -> None:
        before = stream.address
        sent, found = 0, []

        async def exchange() -> None:
            """Send ten items, and receive a window, whose last items are still held."""
            nonlocal sent
            for _ in range(10):
                await stream.send(Json(sent))
                sent += 1
            for _ in range(10):
                result = await stream.receive()
                assert result is not None
                assert isinstance(result.data, Json)
                found.append(result.data.value)

        for _ in range(3):
            await stream.send(Json(sent))
            sent += 1
        await exchange()
        drain.begin(before)
        while stream.address == before:
            await exchange()
        await exchange()
        await stream.close()
        found += [each.value for each in await results(stream)]
        assert found == list(range(sent))

    async with serve_several(config, config) as servers:
        await run_with_drain(client, servers, moving(check, windows))


async def test_a_client_that_reads_late_moves_after_the_end_of_its_server(
    serve_several: ServeSeveral, client: Client, config: dict[str, Any]
) -> None:
    slow = manifest(
        {"slow": ("SlowAndStateless", {"seconds": 0.02}), "count": "EchoNode"},
        ["slow > count"],
        channel_capacity=5,
    )

    async def check(stream: RemoteStream, drain: Drain) -> None:
        before = stream.address
        drain.begin(before)
        for _ in range(60):
            await stream.send("x")
        await stream.close()
        found = [each.text for each in await results(stream)]
        assert found == [f"Echo #{number}: x" for number in range(1, 61)]
        assert stream.address != before

    async with serve_several(config, config) as servers:
        await run_with_drain(client, servers, moving(check, slow), seconds=0.1)


async def test_audio_gives_the_same_events_as_without_a_move(
    serve_several: ServeSeveral, client: Client, config: dict[str, Any]
) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra speech")
    vad = manifest({"vad": "SileroVADNode"}, places={"vad": "native"})
    rng = np.random.default_rng(1)
    # Bursts of noise, in chunks that are no multiple of the model's window.
    chunks = [
        Audio(rng.normal(0, 0.3 * (number % 7 > 3), 700).astype(np.float32), 16000)
        for number in range(2000)
    ]
    moved: list[Any] = []
    whole: list[Any] = []

    async def exchange(stream: RemoteStream, chunk: Audio, events: list[Any]) -> None:
        await stream.send(chunk)
        for _ in range(2):
            result = await stream.receive()
            assert result is not None
            if isinstance(result.data, Json):
                events.append(result.data.value)

    async def check_moved(stream: RemoteStream, drain: Drain) -> None:
        before, left = stream.address, 20
        for chunk in chunks:
            await exchange(stream, chunk, moved)
            if len(moved) == 20:
                drain.begin(before)
            left -= stream.address != before
            if not left:
                break
        assert not left

    async def check_whole(stream: RemoteStream, _drain: Drain) -> None:
        for chunk in chunks[: len(moved)]:
            await exchange(stream, chunk, whole)

    async with serve_several(config, config) as servers:
        await run_with_drain(client, servers, moving(check_moved, vad))
    async with serve_several(config, config) as servers:
        await run_with_drain(client, servers, moving(check_whole, vad))
    assert moved == whole


async def test_a_node_that_cannot_export_ends_the_stream_and_is_named(
    serve_several: ServeSeveral, client: Client, config: dict[str, Any]
) -> None:
    hoard = manifest({"a": ("Hoard", {"fails": True})})

    async def check(stream: RemoteStream, drain: Drain) -> None:
        await stream.send("x")
        drain.begin(stream.address)
        with pytest.raises(MillraceError, match=r"export_state\(\) raised RuntimeError") as caught:
            await results(stream)
        assert caught.value.node_id == "a"

    async with serve_several(config, config) as servers:
        with pytest.RaisesGroup(
            pytest.RaisesExc(MillraceError, match="the state is locked"), allow_unwrapped=True
        ):
            await run_with_drain(client, servers, moving(check, hoard))


async def test_one_node_without_a_state_keeps_the_stream_at_its_server(
    serve_several: ServeSeveral, client: Client, config: dict[str, Any]
) -> None:
    staying = manifest({"count": "EchoNode", "slow": "Slow"}, ["count > slow"])

    async def check(stream: RemoteStream, drain: Drain) -> None:
        before = stream.address
        await stream.send("x")
        drain.begin(before)
        assert [each.text for each in await results(stream)] == ["Echo #1: x"]
        assert stream.address == before
        assert stream.closed is not None
        assert stream.closed.reason == "the server is shutting down"

    async with serve_several(config, config) as servers:
        await run_with_drain(client, servers, moving(check, staying), seconds=0.2)
