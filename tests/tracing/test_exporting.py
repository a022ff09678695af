"""Exporting: to a collector that is there, that is not, and that does not answer."""

import logging
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from actors import Json, Text
from runtime import ConfigError, RuntimeConfig, open_runtime
from runtime.config import Tracing, tracing_headers
from tests.conftest import OpenRuntime
from tests.session.pipelines import chain, run_through
from tests.tracing.collector import Collector, collecting

SECRET = "Bearer s3cret"
ITEMS = [Text("x")] * 3


def lines_of(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.name == "millrace.tracing"]


def others_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.name for record in caplog.records if record.name.startswith("opentelemetry")]


async def test_a_collector_that_cannot_be_reached_costs_a_line_of_the_log(
    runtime_with: OpenRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        url = f"http://127.0.0.1:{port}/v1/traces"
        config = RuntimeConfig(tracing=Tracing(endpoint=url, item_interval=1))
        async with runtime_with(config) as runtime:
            for _ in range(5):  # more than one batch
                items = [Json(number) for number in range(40)]
                results = await run_through(runtime, chain("PassThrough", ["native"]), items)
                assert len(results) == 40
    (line,) = lines_of(caplog)
    assert line["levelname"] == "WARNING"
    assert line["spans"] > 0
    assert line["reason"]
    assert others_of(caplog) == []


async def test_a_collector_that_refuses_is_named_with_its_status(
    runtime_with: OpenRuntime, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.status = 403
    async with runtime_with(collector.tracing()) as runtime:
        await run_through(runtime, chain("PassThrough", ["native"]), ITEMS)
    (line,) = lines_of(caplog)
    assert "403" in line["reason"]
    assert line["spans"] == len(ITEMS) * 2 + 7
    assert others_of(caplog) == []


async def test_a_collector_that_never_answers_holds_neither_sessions_nor_the_end(
    runtime_with: OpenRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    with collecting(answers=False) as collector:
        async with runtime_with(collector.tracing()) as runtime:
            for _ in range(2):
                results = await run_through(runtime, chain("PassThrough", ["native"]), ITEMS)
                assert len(results) == 3
    (line,) = lines_of(caplog)
    assert "the collector took more than" in line["reason"]


async def test_spans_that_nobody_takes_are_lost_and_counted(
    runtime_with: OpenRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    with collecting(answers=False) as collector:
        async with runtime_with(collector.tracing()) as runtime:
            items = [Json(number) for number in range(1500)]
            results = await run_through(runtime, chain("PassThrough", ["native"]), items)
            assert len(results) == 1500
            collector.answer.set()
    assert 1500 < len(collector.received) < 3000
    (line,) = lines_of(caplog)
    assert line["spans"] + len(collector.received) == 1500 * 2 + 7


async def test_secret_headers_come_from_a_file_and_from_the_environment(
    runtime_with: OpenRuntime,
    collector: Collector,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "headers"
    file.write_text(f"# of the collector\nAuthorization = {SECRET}\n\n")
    monkeypatch.setenv("MILLRACE_TRACING_HEADERS", "x-tenant=robots, x-other=a=b,")
    config = collector.tracing(headers_file=str(file), service_name="robot")
    async with runtime_with(config) as runtime:
        await run_through(runtime, chain("PassThrough", ["native"]), ITEMS)
    for headers in collector.headers:
        assert headers["authorization"] == SECRET
        assert (headers["x-tenant"], headers["x-other"]) == ("robots", "a=b")
    assert {resource["service.name"] for resource in collector.resources} == {"robot"}
    assert SECRET not in caplog.text
    assert SECRET not in repr(config)


@pytest.mark.parametrize(
    "line", ["no equals sign s3cret", "two words=s3cret", "a=s3cret\x01", "=s3cret", "a=schlüssel"]
)
def test_a_header_that_is_not_valid_is_refused_without_its_text(line: str, tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text(f"a=b\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        tracing_headers(Tracing(headers_file=str(file)), {})
    assert str(caught.value).endswith(
        "header 2 is not valid; expected name=value in ASCII, such as authorization=Bearer TOKEN"
    )
    assert str(file) in str(caught.value)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(ConfigError, match="MILLRACE_TRACING_HEADERS: header 1 is not valid"):
        tracing_headers(Tracing(), {"MILLRACE_TRACING_HEADERS": line})


async def test_a_file_of_headers_that_is_not_there_is_refused(tmp_path: Path) -> None:
    tracing = Tracing(endpoint="http://127.0.0.1:1/", headers_file=str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        async with open_runtime(RuntimeConfig(tracing=tracing)):
            pytest.fail("it was opened")


async def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    tracing = Tracing(endpoint="http://127.0.0.1:1/v1/traces")
    with pytest.raises(ConfigError, match=r"needs the extra `otel`"):
        async with open_runtime(RuntimeConfig(tracing=tracing)):
            pytest.fail("it was opened")


@pytest.mark.parametrize(
    "url", ["collector:4318", "ftp://collector/", "http://user:s3cret@collector/v1/traces", ""]
)
def test_an_endpoint_that_is_no_plain_url_is_refused(url: str) -> None:
    from runtime.config import parse_config

    with pytest.raises(ConfigError, match="tracing.endpoint"):
        parse_config(f'[tracing]\nendpoint = "{url}"')
