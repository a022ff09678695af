"""One cluster for all tests here, and a check that nothing is left of a session."""

import os
import select
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import psutil
import pytest

from runtime import Runtime, open_runtime
from runtime.config import parse_config
from tests.conftest import SPECIMENS
from tests.executors.ray import specimens
from tests.executors.ray.cluster import Cluster, opened_cluster, why_not

END_SECONDS = 10.0
NODE_TYPES = SPECIMENS | {each.__name__: each for each in specimens.ACTORS}


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster of this machine, and one in a network namespace."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with opened_cluster() as opened:
        yield opened


OpenRay = Callable[..., AbstractAsyncContextManager[Runtime]]


def runtime_on(address: str, **settings: object) -> AbstractAsyncContextManager[Runtime]:
    """Open a runtime whose sessions may use a cluster."""
    lines = [f"{name} = {value}" for name, value in settings.items()]
    text = "\n".join(["[executors.ray]", "enabled = true", f'address = "{address}"', *lines])
    return open_runtime(parse_config(text), node_types=NODE_TYPES)


@pytest.fixture
def open_ray(cluster: Cluster) -> Iterator[OpenRay]:
    """Open a runtime on the cluster; then check that no worker is left."""

    @asynccontextmanager
    async def open_it(**settings: object) -> AsyncIterator[Runtime]:
        async with runtime_on(cluster.address, **settings) as runtime:
            yield runtime

    yield open_it
    assert_gone(cluster.workers())


def assert_gone(processes: list[psutil.Process]) -> None:
    """Wait until processes have ended; one that has may wait for init to reap it."""
    wait_gone(processes)
    assert not [p for p in processes if runs(p)]


def wait_gone(processes: list[psutil.Process]) -> None:
    """Wait until processes, which are not children of this one, have ended, for a bounded time."""
    deadline = time.monotonic() + END_SECONDS
    for process in processes:
        try:
            descriptor = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        with os.fdopen(descriptor, "rb", closefd=True):
            select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))


def runs(process: psutil.Process) -> bool:
    """Return whether a process runs, and does not only wait for init to reap it."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
