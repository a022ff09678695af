"""`millrace doctor --ray` without a cluster; tests/executors/ray has one."""

import platform
from importlib.metadata import version as installed
from pathlib import Path

import pytest

from runtime import RuntimeConfig
from runtime.cli.doctor import State, Subject, check_cluster
from runtime.config import parse_config
from runtime.executors.ray import ClusterNode, ClusterReport, NodeReport
from runtime.plan import GPU_LABEL
from runtime.socket_process.ray import OpenedWorker
from tests.cli.commands import millrace


def subject(*packages: str) -> Subject:
    return Subject(RuntimeConfig(), is_installed=packages.__contains__)


def test_without_ray_it_says_what_to_install() -> None:
    (found,) = check_cluster("127.0.0.1:1", subject())
    assert found.state is State.ERROR
    assert 'pip install "millrace-runtime[ray]"' in found.advice


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1:1", "all attempts to connect"),
        ("127.0.0.1", "expected HOST:PORT"),
        ("127.0.0.1:99999999", "expected HOST:PORT"),
    ],
)
def test_an_address_where_nobody_listens_is_an_error(address: str, reason: str) -> None:
    (found,) = check_cluster(address, subject("ray"))
    assert found.state is State.ERROR
    assert f"cannot connect to the Ray cluster at {address}: {reason}" in found.found
    assert "ray start --address" in found.advice


def test_the_command_fails_and_names_the_check(tmp_path: Path) -> None:
    done = millrace("doctor", "--ray", "127.0.0.1:1", folder=tmp_path)
    assert done.returncode == 1
    assert "ray cluster" in done.stdout


def report_of(labels: dict[str, str], *, version: str = "") -> ClusterReport:
    node = ClusterNode("1", "10.0.0.1", "far", {"CPU": 4, "GPU": 1}, {"CPU": 3}, labels)
    worker = OpenedWorker(
        "10.0.0.1", 1, version or installed("millrace-runtime"), platform.python_version(), "far"
    )
    return ClusterReport("2.59", "10.0.0.2", "10.0.0.2:1", (NodeReport(node, worker),))


@pytest.mark.parametrize(
    ("report", "state", "words"),
    [
        (report_of({GPU_LABEL: "cuda"}), State.OK, "3 CPU of 4 CPU, 0 GPU of 1 GPU, millrace.io"),
        (report_of({}), State.WARNING, "no label millrace.io/gpu"),
        (report_of({GPU_LABEL: "cuda"}, version="0.0.1"), State.ERROR, "Millrace 0.0.1"),
        (ClusterReport("2.59", "10.0.0.2", "10.0.0.2:1", ()), State.ERROR, "no node has process"),
    ],
)
def test_what_would_be_refused_on_a_node_is_foreseen(
    monkeypatch: pytest.MonkeyPatch, report: ClusterReport, state: State, words: str
) -> None:
    async def examined(_address: str, _seconds: float) -> ClusterReport:
        return report

    monkeypatch.setattr("runtime.executors.ray.examine_cluster", examined)
    *_, found = check_cluster("10.0.0.2:1", subject("ray"))
    assert found.state is state
    assert words in found.found


def test_tls_needs_its_package() -> None:
    without = Subject(
        parse_config("[executors.ray]\ntls = true"), is_installed={"ray"}.__contains__
    )
    found, _ = check_cluster("127.0.0.1:1", without)
    assert found.found == "executors.ray.tls needs the package cryptography"
