"""`millrace doctor --ray` without a cluster; tests/executors/ray has one."""

from pathlib import Path

import pytest

from runtime import RuntimeConfig
from runtime.cli.doctor import State, Subject, check_cluster
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
