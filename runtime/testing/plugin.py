"""The pytest plugin: fixtures that run actors, and a marker that runs a test in both placements.

It loads nothing until a fixture is asked for, as it is in every test session of its environment.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actors.testing import Harness, Kit, Placement

    from .warm_forkserver import WarmForkserver

MARKER: Final = "placements"
PLACEMENTS: Final = ("native", "multiprocess")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(*names): run the test once per placement of its actors, by default both "
        f"{' and '.join(PLACEMENTS)}; the fixtures run_actor, run_pipeline and check_actor follow.",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test per placement where the marker asks for it."""
    marker = metafunc.definition.get_closest_marker(MARKER)
    if marker is None:
        return
    names = marker.args or PLACEMENTS
    unknown = [name for name in names if name not in PLACEMENTS]
    if unknown:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid}: no placement {unknown[0]!r}; expected "
            f"{' or '.join(map(repr, PLACEMENTS))}"
        )
    if "placement" not in metafunc.fixturenames:
        metafunc.fixturenames.append("placement")
    metafunc.parametrize("placement", names, indirect=True)


@pytest.fixture
def placement(request: pytest.FixtureRequest) -> Placement:
    """Where the test's actors run: "native", unless the marker `placements` says otherwise."""
    chosen: Placement = getattr(request, "param", "native")
    return chosen


@pytest.fixture(scope="session")
def warm_forkserver() -> Iterator[WarmForkserver]:
    """One warm forkserver for the processes of all tests."""
    from .warm_forkserver import open_warm_forkserver

    with open_warm_forkserver() as warm:
        yield warm


@pytest.fixture
def actor_kit(request: pytest.FixtureRequest, placement: Placement) -> Kit:
    """The runtime's test kit; with a warm forkserver where the test's actors need processes."""
    from .kit import TestKit

    if placement == "native":
        return TestKit()
    warm: WarmForkserver = request.getfixturevalue("warm_forkserver")
    return TestKit(warm.forkserver)


@pytest.fixture
def run_actor(actor_kit: Kit, placement: Placement) -> Callable[..., Harness]:
    """`actors.testing.harness` in the test's placement."""
    from actors.testing import harness

    return partial(harness, placement=placement, kit=actor_kit)


@pytest.fixture
def run_pipeline(actor_kit: Kit, placement: Placement) -> Callable[..., Harness]:
    """`actors.testing.pipeline_harness` in the test's placement."""
    from actors.testing import pipeline_harness

    return partial(pipeline_harness, placement=placement, kit=actor_kit)


@pytest.fixture
def check_actor(warm_forkserver: WarmForkserver) -> Callable[..., None]:
    """`actors.testing.check_actor` with a warm forkserver."""
    from actors.testing import check_actor as check

    from .kit import TestKit

    return partial(check, kit=TestKit(warm_forkserver.forkserver))
