import re
import threading
from collections.abc import Iterator

import pytest

from runtime import RuntimeConfig
from tests.conftest import runtime_opener
from tests.corpus.clients import CLIENTS, ClientSituation
from tests.service.grpcio_client import SECONDS, Client, connected
from tests.service.messages import chunk, control, error_name, pipeline, text_buffer
from tests.service.serving import serving

ECHO = pipeline({"a": "PassThrough"})


@pytest.fixture(scope="module", autouse=True)
def client(forkserver) -> Iterator[Client]:
    """One client of one server, for all lines; opened before a test looks at what is left."""
    with (
        serving(runtime_opener(forkserver), RuntimeConfig(), {}) as running,
        connected(running.target) as connected_client,
    ):
        # The first stream opens what the server and the client library keep for all others.
        for manifest in (ECHO, pipeline(CLIENTS[0].nodes)):
            with (
                connected_client.pipeline(ECHO),
                connected_client.pipeline(manifest, control("CLOSE")) as stream,
            ):
                stream.rest()
        yield connected_client


@pytest.fixture(autouse=True)
def client_library_at_rest() -> Iterator[None]:
    """Wait for grpcio's threads, which outlive a call that has ended by a moment."""
    yield
    for thread in threading.enumerate():
        if thread.name.endswith("(_run)"):
            thread.join(SECONDS)


@pytest.mark.parametrize("line", CLIENTS, ids=lambda line: line.what)
def test_a_client_gets_the_answer_that_its_line_gives(client, line: ClientSituation):
    manifest = pipeline(line.nodes, line.connections, **line.settings)
    with (
        client.pipeline(ECHO) as neighbour,
        client.pipeline(manifest, *line.chunks(), control("CLOSE")) as stream,
    ):
        neighbour.wait_ready()
        rest = stream.rest()
        if line.error:
            assert re.fullmatch(line.error, error_name(rest.error))
            assert re.search(line.words, rest.error.message), rest.error.message
            assert rest.error.failing_node_id == line.node
        else:
            assert rest.closed
            (result,) = rest.results
            assert re.search(line.words, result.data_outputs["a"].text.text_data.decode())
        # A stream of the same connection goes on, whatever became of the other.
        neighbour.send(chunk(text_buffer("still here"), 0), control("CLOSE"))
        (result,) = neighbour.rest().results
        assert result.data_outputs["a"].text.text_data == b"still here"
