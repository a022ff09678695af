"""A server for every test, on the warm forkserver, and a client of it."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest

from runtime import RuntimeConfig
from tests.conftest import runtime_opener
from tests.service.grpcio_client import SECONDS, Client, connected
from tests.service.serving import ServingThread, serving

Serve = Callable[..., ServingThread]


@pytest.fixture(scope="session", autouse=True)
def warm_client_library() -> Iterator[None]:
    """Let grpcio open the descriptors that it keeps as long as there is a channel.

    The channel tries once: each later try would be a socket that a test seems to leave behind.
    """
    once = [("grpc.initial_reconnect_backoff_ms", 3_600_000)]
    with connected("127.0.0.1:1", options=once) as client:
        with pytest.raises(Exception, match="UNAVAILABLE"):
            client.version(timeout=5)
        yield


@pytest.fixture(autouse=True)
def client_library_at_rest() -> Iterator[None]:
    """Wait for grpcio's threads, which outlive a call that has ended by a moment."""
    yield
    for thread in threading.enumerate():
        if thread.name.endswith("(_run)"):
            thread.join(SECONDS)


@pytest.fixture(scope="module")
def served(forkserver: Any, warm_client_library: None) -> Iterator[tuple[ServingThread, Client]]:
    """A server with default settings and one client of it, for all tests of a file."""
    with (
        serving(runtime_opener(forkserver), RuntimeConfig(), {}) as running,
        connected(running.target) as connected_client,
    ):
        assert connected_client.version().compatible
        yield running, connected_client


@pytest.fixture
def server(served: tuple[ServingThread, Client]) -> Iterator[ServingThread]:
    """The server; each test leaves it without calls, and without clients of its own."""
    yield served[0]
    served[0].settle(clients=1)


@pytest.fixture
def client(server: ServingThread, served: tuple[ServingThread, Client]) -> Client:
    """The client."""
    return served[1]


@pytest.fixture
def serve(forkserver: Any, warm_client_library: None) -> Iterator[Serve]:
    """How to start a server with other settings, for the length of the test."""
    with ExitStack() as stack:

        def start(
            config: RuntimeConfig | None = None, environment: Mapping[str, str] | None = None
        ) -> ServingThread:
            context: AbstractContextManager[ServingThread] = serving(
                runtime_opener(forkserver), config or RuntimeConfig(), environment or {}
            )
            return stack.enter_context(context)

        yield start
