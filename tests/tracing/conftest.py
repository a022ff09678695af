"""A collector, and the servers of tests/service, which export to it."""

from collections.abc import Iterator

import pytest

from tests.service.conftest import client_library_at_rest, serve, warm_client_library
from tests.tracing.collector import Collector, collecting

__all__ = ["client_library_at_rest", "serve", "warm_client_library"]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector for the length of the test."""
    with collecting() as listening:
        yield listening
