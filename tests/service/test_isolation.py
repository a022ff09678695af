"""A client may isolate a node more than the operator does, and never less."""

from runtime import RuntimeConfig, open_runtime
from runtime.config import Routing
from tests.service.grpcio_client import connected
from tests.service.messages import error_name, pipeline
from tests.service.serving import serving

MOVED = pipeline({"a": "EchoNode"}, places={"a": "native"})
ISOLATED = pipeline({"a": "PassThrough"}, places={"a": "multiprocess"})


def test_a_client_cannot_put_a_type_with_a_process_into_the_server() -> None:
    with (
        serving(open_runtime, RuntimeConfig(), {}) as server,
        connected(server.target) as client,
    ):
        with client.pipeline(MOVED) as stream:
            error = stream.rest().error
        assert error_name(error) == "VALIDATION"
        assert "runtime.toml, routing.native_override_types: none" in error.message
        with client.pipeline(ISOLATED) as stream:
            assert stream.wait_ready()


def test_the_operator_allows_it_by_type() -> None:
    config = RuntimeConfig(routing=Routing(native_override_types=("Echo*",)))
    with serving(open_runtime, config, {}) as server, connected(server.target) as client:
        with client.pipeline(MOVED) as stream:
            assert stream.wait_ready()
        with client.pipeline(pipeline({"a": "FilterNode"}, places={"a": "native"})) as stream:
            assert error_name(stream.rest().error) == "VALIDATION"
