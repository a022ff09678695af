"""The times and sizes in deploy/ fit together."""

import re

import pytest

from runtime import RuntimeConfig
from runtime.service import END_SECONDS
from tests.deploy.files import (
    SETTINGS,
    bytes_of,
    container,
    drain_seconds,
    pod,
    seconds,
    settings_of,
    text_of,
    unit,
    yaml_of,
)

MARGIN_SECONDS = 5.0


def stop_seconds(settings: str) -> float:
    """Return how long a server with these settings takes to stop at most."""
    multiprocess = RuntimeConfig().multiprocess
    assert "cleanup_grace_period_secs" not in SETTINGS[settings]()
    flush = settings_of(settings).server.flush_timeout_secs
    end = flush + END_SECONDS + multiprocess.cleanup_grace_period_secs
    return drain_seconds(settings) + end


def test_a_pod_has_time_for_the_drain_and_the_end() -> None:
    needed = stop_seconds("kubernetes/configmap.yaml") + MARGIN_SECONDS
    assert pod()["terminationGracePeriodSeconds"] > needed


def test_a_pod_that_stops_accepts_calls_until_it_is_found_not_ready() -> None:
    probe = container()["readinessProbe"]
    lame_duck = settings_of("kubernetes/configmap.yaml").server.lame_duck_secs
    assert lame_duck >= probe["periodSeconds"] * probe["failureThreshold"]


def test_systemd_waits_for_the_drain_and_the_end() -> None:
    wait = float(unit()["Service"]["TimeoutStopSec"][0])
    assert wait > stop_seconds("systemd/runtime.toml") + MARGIN_SECONDS


def test_compose_and_docker_wait_for_the_drain_and_the_end() -> None:
    needed = stop_seconds("container.toml") + MARGIN_SECONDS
    assert seconds(yaml_of("compose.yaml")["services"]["millrace"]["stop_grace_period"]) > needed
    (timeout,) = re.findall(r"--stop-timeout (\d+)", text_of("Dockerfile"))
    assert float(timeout) > needed


def test_a_pod_has_shared_memory_for_several_sessions_and_memory_for_both() -> None:
    volumes = {volume["name"]: volume for volume in pod()["volumes"]}
    mounts = {mount["mountPath"]: mount["name"] for mount in container()["volumeMounts"]}
    volume = volumes[mounts["/dev/shm"]]["emptyDir"]
    assert volume["medium"] == "Memory"
    size = bytes_of(volume["sizeLimit"])
    assert bytes_of(container()["resources"]["limits"]["memory"]) >= 2 * size
    assert budget("kubernetes/configmap.yaml") * 2 <= size


def test_a_container_has_shared_memory_for_several_sessions_and_memory_for_both() -> None:
    service = yaml_of("compose.yaml")["services"]["millrace"]
    assert budget("container.toml") * 2 <= bytes_of(service["shm_size"])
    assert bytes_of(service["mem_limit"]) >= 2 * bytes_of(service["shm_size"])
    (size,) = re.findall(r"--shm-size (\d\w+)", text_of("Dockerfile"))
    assert bytes_of(size) == bytes_of(service["shm_size"])


def budget(settings: str) -> int:
    (found,) = re.findall(r"^shared_memory_budget_bytes = (\d+)$", SETTINGS[settings](), re.M)
    return int(found)


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_valid_and_require_tokens(name: str) -> None:
    config = settings_of(name)
    assert config.server.require_auth
    assert config.server.auth_tokens_file is not None
    assert not config.server.expose_tracebacks
    assert config.log.format == "json"
    http = getattr(config, "http")  # noqa: B009 (older versions have none)
    assert http.enabled
    assert http.tokens_file is not None


@pytest.mark.parametrize("name", SETTINGS)
def test_a_limit_of_processes_leaves_room_for_their_threads(name: str) -> None:
    (most,) = re.findall(r"^max_total_processes = (\d+)$", SETTINGS[name](), re.M)
    service = yaml_of("compose.yaml")["services"]["millrace"]
    assert service["pids_limit"] >= 32 * int(most)
    assert int(unit()["Service"]["TasksMax"][0]) >= 32 * int(most)
