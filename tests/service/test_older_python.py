"""The server works where asyncio reads a transport that is paused, as in Python 3.11.2."""

from asyncio.selector_events import _SelectorTransport  # type: ignore[attr-defined]
from collections.abc import Callable
from typing import Any

import pytest

from tests.service.conftest import Serve
from tests.service.grpcio_client import connected
from tests.service.messages import chunk, control, json_buffer, pipeline


def add_reader_of_3_11_2(transport: Any, descriptor: int, callback: Callable[..., object]) -> None:
    if not transport._closing:
        transport._loop._add_reader(descriptor, callback)


def test_connections_work_although_asyncio_reads_paused_transports(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_SelectorTransport, "_add_reader", add_reader_of_3_11_2)
    server = serve()
    for _ in range(3):
        with (
            connected(server.target) as client,
            client.pipeline(pipeline({"a": "PassThrough"})) as stream,
        ):
            stream.wait_ready()
            stream.send(*(chunk(json_buffer(n), n) for n in range(5)), control("CLOSE"))
            assert stream.rest().sequences == list(range(5))
