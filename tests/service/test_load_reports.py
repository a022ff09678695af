"""Load reports (ORCA), as clients of gRPC that weight servers read them."""

import base64
import importlib
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from runtime import RuntimeConfig
from runtime.service.machine_load import CpuTime, MachineLoad
from tests.conftest import runtime_opener
from tests.service.conftest import Serve
from tests.service.grpcio_client import SECONDS, Client, connected
from tests.service.messages import control, init, make, message_class, pipeline
from tests.service.raw_client import STREAM_PIPELINE, frame, raw_client
from tests.service.serving import ServingThread, serving

ECHO = pipeline({"a": "PassThrough"})
REPORT = "xds.data.orca.v3.OrcaLoadReport"
OUT_OF_BAND = "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics"


def settings(**limits: int) -> RuntimeConfig:
    return RuntimeConfig.model_validate({"server": {"load_reports": True}, "limits": limits})


def reports(client: Client, **request: Any) -> Any:
    """Ask for load reports; return the call, which iterates over them."""
    call = client.channel.unary_stream(
        OUT_OF_BAND,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=message_class(REPORT).FromString,
    )
    asked = make("xds.service.orca.v3.OrcaLoadReportRequest", **request)
    return call(asked, timeout=SECONDS)


@pytest.fixture(scope="module")
def reporting(forkserver: Any, warm_client_library: None) -> Iterator[ServingThread]:
    """A server that reports its load."""
    with serving(runtime_opener(forkserver), settings(max_sessions=4), {}) as running:
        yield running
        running.settle()


def test_the_trailers_of_a_stream_have_the_load(
    reporting: ServingThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.service.load_reports._FRESH_SECONDS", 0)
    with connected(reporting.target) as client, client.pipeline(ECHO) as other:
        other.wait_ready()
        with raw_client(reporting.port) as raw:
            bodies = [frame(init(ECHO)), frame(control("CLOSE"))]
            stream = raw.call(STREAM_PIPELINE, *bodies, end=True)
            raw.read_to_end(stream)
            (refused,) = [raw.call(STREAM_PIPELINE, frame(control("CLOSE")), end=True)]
            raw.read_to_end(refused)
            trailers = raw.trailers[stream]
            assert "endpoint-load-metrics-bin" in raw.trailers[refused]
    encoded = trailers["endpoint-load-metrics-bin"]
    assert "=" not in encoded
    report = message_class(REPORT).FromString(base64.b64decode(encoded + "=="))
    assert report.application_utilization == 0.25
    assert 0 <= report.cpu_utilization <= 1
    assert 0 < report.mem_utilization < 1
    assert report.rps_fractional > 0
    assert dict(report.named_metrics) == {"sessions": 1, "processes": 0, "waiting_sessions": 0}


def test_reports_come_out_of_band_without_a_token(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.service.load_reports._FRESH_SECONDS", 0)
    monkeypatch.setattr("runtime.service.load_reports._SHORTEST_SECONDS", 0.01)
    server = serve(settings(max_sessions=2), {"GRPC_AUTH_TOKENS": "t"})
    interval = make("xds.service.orca.v3.Interval", nanos=1)
    with connected(server.target, token="t") as client:
        call = reports(client, report_interval=interval)
        assert next(call).application_utilization == 0
        with client.pipeline(ECHO) as stream:
            stream.wait_ready()
            while next(call).application_utilization != 0.5:
                pass
        while next(call).application_utilization != 0:
            pass
        call.cancel()


@pytest.mark.parametrize("seconds", [-(2**63), 2**63 - 1])
def test_an_interval_is_bounded(reporting: ServingThread, seconds: int) -> None:
    with connected(reporting.target) as client:
        interval = make("xds.service.orca.v3.Interval", seconds=seconds, nanos=2**31 - 1)
        call = reports(client, report_interval=interval)
        assert next(call).application_utilization <= 1
        call.cancel()


def test_so_many_may_ask_as_may_connect(serve: Serve) -> None:
    config = RuntimeConfig.model_validate({"server": {"load_reports": True, "max_connections": 1}})
    with connected(serve(config).target) as client:
        first = reports(client)
        assert next(first).application_utilization == 0
        with pytest.raises(grpc.RpcError, match="1 clients have load reports"):
            next(reports(client))
        first.cancel()


def test_without_the_setting_there_is_no_report(client: Client, server: ServingThread) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        next(reports(client))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    with raw_client(server.port) as raw:
        stream = raw.call(STREAM_PIPELINE, frame(control("CLOSE")), end=True)
        raw.read_to_end(stream)
        assert "endpoint-load-metrics-bin" not in raw.trailers[stream]


@pytest.mark.parametrize("out_of_band", [False, True])
def test_weighted_round_robin_of_grpcio_prefers_the_server_with_more_room(
    forkserver: Any,
    warm_client_library: None,
    monkeypatch: pytest.MonkeyPatch,
    out_of_band: bool,
) -> None:
    """With weights from the reports it has four times as many sessions as the other one, or so."""
    monkeypatch.setattr("runtime.service.load_reports._FRESH_SECONDS", 0.05)
    policy = {
        "enableOobLoadReport": out_of_band,
        "oobReportingPeriod": "1s",
        "blackoutPeriod": "0s",
        "weightUpdatePeriod": "0.1s",
    }
    config = {"loadBalancingConfig": [{"weighted_round_robin": policy}]}
    options = [("grpc.service_config", json.dumps(config))]
    opener = runtime_opener(forkserver)
    with ExitStack() as stack:
        small, large = (
            stack.enter_context(serving(opener, settings(max_sessions=count), {}))
            for count in (10, 40)
        )
        target = f"ipv4:{small.target},{large.target}"
        client = stack.enter_context(connected(target, options=options))
        with ExitStack() as streams:
            held = []
            for _ in range(4):  # so that there is some load
                held.append(streams.enter_context(client.pipeline(ECHO)))
                held[-1].wait_ready()

            def opened() -> list[int]:
                return [sum(each.snapshot().ended.values()) for each in (small, large)]

            def open_some(count: int) -> None:
                for _ in range(count):
                    with client.pipeline(ECHO, control("CLOSE")) as one:
                        one.rest()

            before = opened()
            share, deadline = 0.0, time.monotonic() + SECONDS
            while share < 0.65 and time.monotonic() < deadline:
                open_some(20)
                now = opened()
                counts = [new - old for new, old in zip(now, before, strict=True)]
                share, before = counts[1] / sum(counts), now
            assert share >= 0.65


def test_a_control_group_with_limits_is_what_is_measured(tmp_path: Path) -> None:
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    (group / "cpu.max").write_text("150000 100000\n")
    (group / "cpu.stat").write_text("usage_usec 3000000\nuser_usec 1\n")
    (group / "memory.max").write_text("1000\n")
    (group / "memory.current").write_text("700\n")
    (group / "memory.stat").write_text("anon 1\ninactive_file 200\n")
    load = MachineLoad(tmp_path)
    assert load.cpu(10.0) == CpuTime(3.0, 15.0)
    assert load.memory() == 0.5


def test_without_limits_the_machine_is_measured(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/stat").write_text("cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 1 1 1\n")
    (tmp_path / "proc/meminfo").write_text("MemTotal: 400 kB\nMemAvailable: 100 kB\n")
    used, available = MachineLoad(tmp_path).cpu(0.0)
    assert used / available == pytest.approx(0.2)
    assert MachineLoad(tmp_path).memory() == 0.75


def test_a_machine_that_tells_nothing_reports_nothing(tmp_path: Path) -> None:
    assert MachineLoad(tmp_path).cpu(0.0) == CpuTime(0.0, 0.0)
    assert MachineLoad(tmp_path).memory() == 0.0


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("xds.data.orca.v3.orca_load_report_pb2", "OrcaLoadReport"),
        ("xds.service.orca.v3.orca_pb2", "OrcaLoadReportRequest"),
    ],
)
def test_our_messages_have_the_fields_of_the_published_ones(module: str, name: str) -> None:
    pytest.importorskip(
        "xds", reason="xds-protos is missing, which replaces files of opentelemetry-proto"
    )
    published = getattr(importlib.import_module(module), name).DESCRIPTOR
    ours = message_class(published.full_name).DESCRIPTOR
    assert fields_of(ours) == fields_of(published)


def fields_of(message: Any) -> list[Any]:
    """Return what of a message is on the wire."""
    return [
        (
            field.number,
            field.name,
            field.type,
            field.is_repeated,
            field.message_type and fields_of(field.message_type),
        )
        for field in message.fields
    ]
