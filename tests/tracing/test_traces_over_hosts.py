"""A session that has nodes on another host has one trace with the session there."""

from actors import Text
from runtime import manifest_from
from runtime.config import Executors, RemoteHost, RemoteSettings
from runtime.service import open_server
from tests.conftest import OpenRuntime
from tests.session.pipelines import run_through
from tests.tracing.collector import Collector

ANY_PORT = {"GRPC_BIND_ADDRESS": "127.0.0.1:0"}


async def test_the_session_there_is_in_the_trace_of_the_session_here(
    runtime_with: OpenRuntime, collector: Collector
) -> None:
    async with (
        runtime_with(collector.tracing()) as other,
        open_server(other, environment=ANY_PORT) as server,
    ):
        address = str(server.address)
        remote = RemoteSettings(enabled=True, hosts={"other": RemoteHost(address=address)})
        here = collector.tracing().model_copy(update={"executors": Executors(remote=remote)})
        nodes = [
            {"id": "a", "node_type": "PassThrough"},
            {"id": "b", "node_type": "PassThrough", "host": address},
        ]
        pipeline = {
            "version": "v1",
            "metadata": {"name": "here"},
            "nodes": nodes,
            "connections": [{"from": "a", "to": "b"}],
        }
        async with runtime_with(here) as runtime:
            await run_through(runtime, manifest_from(pipeline), [Text("x")])
    (spans,) = collector.traces().values()
    there, here_span = sorted(
        (span for span in spans if span.name == "session"), key=lambda span: not span.parent
    )
    assert here_span.parent == ""
    assert there.parent == here_span.id
    assert {span.name for span in spans} >= {"process a", "process b"}
