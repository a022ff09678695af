"""One cluster for all tests here, and a check that nothing is left of a session."""

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
    _, left = psutil.wait_procs([p for p in processes if runs(p)], timeout=END_SECONDS)
    assert not [p for p in left if runs(p)]


def runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
