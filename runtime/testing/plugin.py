"""The pytest plugin: fixtures that run actors, and a marker that runs a test in both executors.

It imports nothing before a fixture is used: every test session of the environment loads it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actors.testing import ExecutorName, Harness, Kit

    from .warm_forkserver import WarmForkserver

MARKER: Final = "executors"
EXECUTORS: Final = ("native", "multiprocess")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker `executors`."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(*names): run the test once per executor of its actors, by default both "
        f"{' and '.join(EXECUTORS)}; the fixtures run_actor, run_pipeline and check_actor follow.",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Generate a test for each executor that the marker names."""
    marker = metafunc.definition.get_closest_marker(MARKER)
    if marker is None:
        return
    names = marker.args or EXECUTORS
    unknown = [name for name in names if name not in EXECUTORS]
    if unknown:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid}: no executor {unknown[0]!r}; expected "
            f"{' or '.join(map(repr, EXECUTORS))}"
        )
    if "executor" not in metafunc.fixturenames:
        metafunc.fixturenames.append("executor")
    metafunc.parametrize("executor", names, indirect=True)


@pytest.fixture
def executor(request: pytest.FixtureRequest) -> ExecutorName:
    """The executor of the test's actors: "native", unless the marker `executors` sets another."""
    chosen: ExecutorName = getattr(request, "param", "native")
    return chosen


@pytest.fixture(scope="session")
def warm_forkserver() -> Iterator[WarmForkserver]:
    """One warm forkserver for the processes of all tests."""
    from .warm_forkserver import open_warm_forkserver

    with open_warm_forkserver() as warm:
        yield warm


@pytest.fixture
def actor_kit(request: pytest.FixtureRequest, executor: ExecutorName) -> Kit:
    """The runtime's test kit, with a warm forkserver if the test's actors need processes."""
    from .kit import TestKit

    if executor == "native":
        return TestKit()
    warm: WarmForkserver = request.getfixturevalue("warm_forkserver")
    return TestKit(warm.forkserver)


@pytest.fixture
def run_actor(actor_kit: Kit, executor: ExecutorName) -> Callable[..., Harness]:
    """`actors.testing.harness` in the test's executor."""
    from actors.testing import harness

    return partial(harness, executor=executor, kit=actor_kit)


@pytest.fixture
def run_pipeline(actor_kit: Kit, executor: ExecutorName) -> Callable[..., Harness]:
    """`actors.testing.pipeline_harness` in the test's executor."""
    from actors.testing import pipeline_harness

    return partial(pipeline_harness, executor=executor, kit=actor_kit)


@pytest.fixture
def check_actor(warm_forkserver: WarmForkserver) -> Callable[..., None]:
    """`actors.testing.check_actor` with a warm forkserver."""
    from actors.testing import check_actor as check

    from .kit import TestKit

    return partial(check, kit=TestKit(warm_forkserver.forkserver))
