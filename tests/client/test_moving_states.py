"""Streams whose nodes remember something go on at another server with what they remember."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from actors import Text
from runtime.client import RemoteRuntime, RemoteStream
from tests.session.pipelines import chain

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
