"""The files of deploy/, and the settings and times in them."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from runtime import RuntimeConfig
from runtime.config import parse_config

DEPLOY: Final = Path(__file__).parent.parent.parent / "deploy"
_SECONDS: Final = {"s": 1, "m": 60, "": 1}


def text_of(name: str) -> str:
    """Return the text of a file."""
    return (DEPLOY / name).read_text("utf-8")


def yaml_of(name: str) -> Any:
    """Return the value of a YAML file."""
    return yaml.safe_load(text_of(name))


def unit() -> dict[str, dict[str, list[str]]]:
    """Return the systemd unit: the values of each key, by section."""
    found: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in text_of("systemd/millrace.service").splitlines():
        if line.startswith("["):
            section = found[line.strip("[]")] = {}
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return found


def pod() -> Any:
    """Return the specification of the pods."""
    return yaml_of("kubernetes/deployment.yaml")["spec"]["template"]["spec"]


def container() -> Any:
    """Return the container of a pod."""
    (only,) = pod()["containers"]
    return only


SETTINGS: Final = {
    "container.toml": lambda: text_of("container.toml"),
    "systemd/runtime.toml": lambda: text_of("systemd/runtime.toml"),
    "kubernetes/configmap.yaml": lambda: yaml_of("kubernetes/configmap.yaml")["data"][
        "runtime.toml"
    ],
}


def settings_of(name: str) -> RuntimeConfig:
    """Return the settings of a file; the test is skipped where they need an HTTP port."""
    if "http" not in RuntimeConfig.model_fields:
        pytest.skip("this version has no [http]")
    return parse_config(SETTINGS[name](), name)


def drain_seconds(name: str) -> float:
    """Return how long a server with the settings of a file drains, with its lame duck."""
    server = settings_of(name).server
    return server.lame_duck_secs + server.drain_timeout_secs


def seconds(text: str) -> float:
    """Return a time such as "90s" or "2m"."""
    found = re.fullmatch(r"(\d+)([sm]?)", text)
    assert found is not None, text
    return int(found[1]) * _SECONDS[found[2]]


def bytes_of(text: str) -> int:
    """Return a size such as "1Gi" or "1gb", which are the same."""
    found = re.fullmatch(r"(\d+)(Gi|Mi|gb|g|mb|m)", text)
    assert found is not None, text
    return int(found[1]) * 2 ** (30 if found[2].lower().startswith("g") else 20)
