"""/metrics: every figure of the registry, in Prometheus's formats."""

import re
import shutil
import subprocess

import pytest
import trio
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from actors import Text
from runtime import Runtime
from runtime.http import HttpServer
from runtime.metrics import EXPORTED, MetricKind
from tests.http.serving import get, http_port
from tests.session.pipelines import chain

PLACES = pytest.mark.parametrize("place", ["native", "multiprocess"])
SENT = "millrace_node_items_sent_total"
ACCEPT_OPENMETRICS = "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: str) -> Samples:
    """Return every sample by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def sums(found: Samples, name: str) -> float:
    """Return the sum of all samples of a name."""
    return sum(value for (each, _), value in found.items() if each == name)


async def scraped(server: HttpServer) -> str:
    reply = await get(server, "/metrics")
    assert reply.status == 200
    return reply.text


async def scraped_when(server: HttpServer, *, items: int) -> str:
    """Return the metrics as soon as nodes have reported so many items."""
    with trio.fail_after(20):
        while True:
            text = await scraped(server)
            if sums(samples(text), SENT) >= items:
                return text
            await trio.sleep(0.1)


@PLACES
async def test_a_node_has_its_metrics_by_its_labels_and_no_session_id(
    runtime: Runtime, place: str
) -> None:
    async with (
        http_port(runtime) as server,
        runtime.open_session(chain("PassThrough", [place])) as session,
    ):
        for _ in range(5):
            await session.send(Text("x"))
            await session.receive()
        text = await scraped_when(server, items=5)
        found = samples(text)
        labels = {
            ("executor", place),
            ("node", "n0"),
            ("node_type", "PassThrough"),
            ("pipeline", session.plan.manifest.metadata.name),
        }
        assert found[SENT, tuple(sorted(labels))] == 5
        for name in ("processing", "waiting", "sending"):
            assert sums(found, f"millrace_node_{name}_seconds_count") == 5, name
        assert sums(found, "millrace_nodes") == 1
        assert found["millrace_sessions", (("state", "executing"),)] == 1
        assert (sums(found, "millrace_node_cpu_seconds_total") > 0) == (place == "multiprocess")
        assert sums(found, "millrace_server_resident_memory_bytes") > 10_000_000
        assert session.id not in text
        assert session.id.split("-")[-1] not in text


async def test_a_histogram_is_cumulative_and_ends_with_all(runtime: Runtime) -> None:
    pipeline = chain("Slow", ["native"])
    async with (
        http_port(runtime) as server,
        runtime.open_session(pipeline) as session,
    ):
        for _ in range(4):
            await session.send(Text("x"))
            await session.receive()
        found = samples(await scraped(server))
    buckets = [
        (float(dict(labels)["le"]), value)
        for (name, labels), value in found.items()
        if name == "millrace_node_processing_seconds_bucket"
    ]
    counts = [count for _, count in sorted(buckets)]
    assert counts == sorted(counts)
    assert counts[-1] == 4
    assert counts[0] == 0


async def test_every_exported_metric_has_its_kind_and_meaning(runtime: Runtime) -> None:
    async with http_port(runtime) as server:
        text = await scraped(server)
    for exported in EXPORTED:
        name = exported.name + ("_total" if exported.kind is MetricKind.COUNTER else "")
        assert f"# TYPE {name} {exported.kind.value}\n" in text
        assert re.search(rf"^# HELP {name} \S.*\.$", text, re.MULTILINE)


async def test_openmetrics_is_answered_where_it_is_accepted(runtime: Runtime) -> None:
    async with http_port(runtime) as server:
        reply = await get(server, "/metrics", ACCEPT_OPENMETRICS)
    assert reply.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert reply.text.endswith("# EOF\n")
    names = {family.name for family in parse_openmetrics(reply.text)}
    assert {exported.name for exported in EXPORTED} <= names


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/html",
        "application/openmetrics-text;version=\x7f",
        ";;;,,,===",
        "text/plain;version=x.y",
    ],
)
async def test_any_accept_header_is_answered(runtime: Runtime, accept: str) -> None:
    async with http_port(runtime) as server:
        assert (await get(server, "/metrics", f"Accept: {accept}")).status in (200, 400)
        assert (await get(server, "/livez")).status == 200


async def test_names_that_a_client_chose_cannot_forge_a_metric(runtime: Runtime) -> None:
    name = 'x"} 1\nmillrace_sessions{state="forged"} 7\n# \\'
    pipeline = {
        "version": "v1",
        "metadata": {"name": name},
        "nodes": [{"id": "n0", "node_type": "PassThrough"}],
        "connections": [],
    }
    async with http_port(runtime) as server, runtime.open_session(pipeline):
        found = samples(await scraped(server))
    assert not any("forged" in dict(labels).get("state", "") for _, labels in found)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@PLACES
async def test_promtool_finds_nothing_wrong(runtime: Runtime, place: str) -> None:
    async with (
        http_port(runtime) as server,
        runtime.open_session(chain("PassThrough", [place])) as session,
    ):
        await session.send(Text("x"))
        await session.receive()
        text = await scraped(server)
    done = await trio.to_thread.run_sync(
        lambda: subprocess.run(
            ["promtool", "check", "metrics"], input=text, text=True, capture_output=True
        )
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
