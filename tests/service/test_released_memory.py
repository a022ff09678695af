"""A call holds no shared memory of its session after its end, without the cyclic collector."""

import gc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from runtime import RuntimeConfig
from runtime.config import RecordingSettings
from tests.service.conftest import Serve
from tests.service.grpcio_client import Client, connected
from tests.service.messages import chunk, make, pipeline
from tests.service.serving import ServingThread

PLACES = {"child": ("native", "multiprocess"), "children": ("multiprocess", "multiprocess")}


@pytest.fixture(autouse=True)
def collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def mappings() -> int:
    return Path("/proc/self/maps").read_text().count("/dev/shm/")


@pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
def test_a_call_that_its_client_resets_holds_nothing(
    serve: Serve, tmp_path: Path, places: tuple[str, str], recorded: bool
) -> None:
    folder = str(tmp_path) if recorded else None
    server = serve(RuntimeConfig(recording=RecordingSettings(folder=folder, all_nodes=True)))
    manifest = pipeline(
        {"a": "PassThrough", "b": "PassThrough"},
        ["a > b"],
        places=dict(zip("ab", places, strict=True)),
    )
    with connected(server.target) as client:
        before = mappings()
        for _ in range(3):
            reset_one(client, manifest, server)
            assert mappings() == before


def reset_one(client: Client, manifest: Any, server: ServingThread) -> None:
    with suppress(grpc.RpcError), client.pipeline(manifest) as stream:
        stream.wait_ready()
        for sequence in range(40):
            data = make("DataBuffer", binary=make("BinaryBuffer", data=bytes(300_000)))
            stream.send(chunk(data, sequence))
        stream.results(5)  # the next ones wait for the client's window
        stream.call.cancel()
    server.settle(clients=1)
