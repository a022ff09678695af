"""Shared memory has a budget, and /dev/shm an end: both are errors, never SIGBUS."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trio

from actors import Binary, Json
from runtime import ErrorType, RuntimeConfig, SharedMemoryError
from runtime.config import Multiprocess
from tests.conftest import OpenRuntime
from tests.session.pipelines import chain, manifest, run_through

MIB = 1024 * 1024
ROOT = Path(__file__).parents[2]
NAMESPACE = ["unshare", "-m", "sh", "-c"]
MOUNT = "mount -t tmpfs -o size=64m tmpfs /dev/shm"


def budget(megabytes: int, **more: object) -> RuntimeConfig:
    keys = {"shared_memory_budget_bytes": megabytes * MIB, **more}
    return RuntimeConfig(multiprocess=Multiprocess.model_validate(keys))


async def test_a_stream_passes_through_a_budget_that_is_smaller(runtime_with: OpenRuntime) -> None:
    items = [Binary(np.full(64 * 1024, n % 256, np.uint8)) for n in range(400)]
    async with runtime_with(budget(8)) as runtime:
        results = await run_through(runtime, chain("PassThrough", ["multiprocess"]), items)
    assert [result.data for result in results] == items


async def test_chunks_of_changing_sizes_stay_within_the_budget(
    runtime_with: OpenRuntime,
) -> None:
    """Every slot takes its turn with a large chunk, and pages of free ones are given back."""
    sizes = [1000, 300_000, 1000, 2_000_000, 64_000] * 40
    items = [Binary(np.full(size, n % 256, np.uint8)) for n, size in enumerate(sizes)]
    pipeline = manifest(
        {"n0": "PassThrough", "keeper": "PassThrough"},
        ["n0 > keeper"],
        places={"n0": "multiprocess", "keeper": "multiprocess"},
    )
    async with runtime_with(budget(20)) as runtime:
        results = await run_through(runtime, pipeline, items)
    assert [result.data for result in results] == items


async def test_a_chunk_larger_than_the_budget_is_refused_and_the_session_goes_on(
    runtime_with: OpenRuntime,
) -> None:
    async with (
        runtime_with(budget(4)) as runtime,
        runtime.open_session(chain("PassThrough", ["multiprocess"])) as session,
    ):
        with pytest.raises(SharedMemoryError) as caught:
            await session.send(Binary(np.zeros(5 * MIB, np.uint8)))
        assert caught.value.error_type is ErrorType.RESOURCE_LIMIT
        assert str(caught.value) == (
            f"an item of {5 * MIB + 64} bytes to n0 is larger than the session's shared memory, "
            f"{4 * MIB} bytes (multiprocess.shared_memory_budget_bytes)"
        )
        await session.send(Binary(b"small"))
        assert (await session.receive()).data == Binary(b"small")


@pytest.mark.parametrize("place", ["native", "multiprocess"])
async def test_a_node_whose_output_is_too_large_is_named(
    runtime_with: OpenRuntime, place: str
) -> None:
    pipeline = manifest(
        {"big": "Inflate", "next": "PassThrough"},
        ["big > next"],
        places={"big": place, "next": "multiprocess"},
    )
    async with runtime_with(budget(4)) as runtime:
        with pytest.raises(
            SharedMemoryError, match="node 'big': an item of .* to next is larger than"
        ) as caught:
            await run_through(runtime, pipeline, [Json(5 * MIB)])
    assert caught.value.node_id == "big"


async def test_items_that_pile_up_beyond_the_budget_slow_their_producer_down(
    runtime_with: OpenRuntime,
) -> None:
    items = [Binary(np.full(MIB // 2, n, np.uint8)) for n in range(60)]
    pipeline = chain(("Slow", {"seconds": 0.005}), ["multiprocess"])
    async with runtime_with(budget(6)) as runtime:
        results = await run_through(runtime, pipeline, items)
    assert [result.data for result in results] == items


async def test_a_session_whose_links_alone_exceed_the_budget_is_refused(
    runtime_with: OpenRuntime,
) -> None:
    pipeline = chain("PassThrough", ["multiprocess"] * 3, channel_capacity=10_000)
    async with runtime_with(budget(16)) as runtime:
        with pytest.raises(SharedMemoryError, match=r"a session of 6 links needs \d+ bytes"):
            await run_through(runtime, pipeline, [])


def can_mount() -> bool:
    return subprocess.run([*NAMESPACE, MOUNT], check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="mounting a /dev/shm of its own is not allowed here")
@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ("stream", ""),
        ("large_chunks", ""),
        ("oversized", "an item of .* bytes to n0 needs .* bytes of shared memory; /dev/shm has"),
        ("oversized_output", "node 'n0': an item of .* to the client needs .*; /dev/shm has"),
        ("full", "a session of 2 links needs .* bytes of shared memory; /dev/shm has .* left"),
        ("snatched", "cannot be opened: /dev/shm had no page left|has 0 bytes left"),
        ("filled_meanwhile", "to n0 needs .* bytes of shared memory; /dev/shm has 0 bytes left"),
    ],
)
async def test_a_small_dev_shm_is_an_error_and_never_a_signal(scenario: str, said: str) -> None:
    run = f"{MOUNT} && exec {sys.executable} -m tests.links.small_shared_memory {scenario}"
    with trio.fail_after(60):
        result = await trio.run_process(
            [*NAMESPACE, run], check=False, capture_stdout=True, capture_stderr=True, cwd=ROOT
        )
    assert result.returncode == 0, result.stderr.decode()
    assert re.search(said, result.stdout.decode())
