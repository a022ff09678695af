"""Every key, at every layer: who says it, who goes before whom, and what a wrong value gets."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from runtime.config import RuntimeConfig, parse_config
from runtime.errors import ConfigError, ManifestError
from runtime.manifest import manifest_from
from runtime.plan import effective_settings, setting_entries

# key: (what runtime.toml says, a value that is wrong there), both as TOML.
OPERATOR: Mapping[str, tuple[str, str]] = {
    "multiprocess.max_processes_per_session": ("20", "0"),
    "multiprocess.channel_capacity": ("200", "10001"),
    "multiprocess.channel_bytes": ("1000", "-1"),
    "multiprocess.init_timeout_secs": ("40.0", "301"),
    "multiprocess.python_executable": ('"/opt/a"', "3"),
    "multiprocess.allowed_python_executables": ('["/opt/a"]', '[""]'),
    "multiprocess.enable_backpressure": ("false", '"no"'),
    "multiprocess.cleanup_grace_period_secs": ("0.5", "3601"),
    "multiprocess.shared_memory_budget_bytes": ("2097152", "1000"),
    "limits.max_total_processes": ("50", "0"),
    "limits.max_sessions": ("7", "1.5"),
    "limits.session_wait_secs": ("2.5", "-1"),
    "limits.max_memory_bytes": ("1000", "-1"),
    "limits.max_timeout_ms": ("1000", "0.5"),
    "limits.max_audio_samples": ("1000", "true"),
    "limits.max_message_bytes": ("20971520", "5"),
    "limits.max_manifest_nodes": ("12", "1001"),
    "limits.max_manifest_connections": ("0", "-1"),
    "routing.native_override_types": ('["*"]', '"*"'),
    "routing.default_executor": ('"multiprocess"', '""'),
    "routing.override_executors": ("[]", '"*"'),
    "routing.registry": ('{X = "native"}', "{X = 3}"),
    "routing.patterns": (
        '[{pattern = "*", executor = "native", priority = 3}]',
        '[{pattern = "*"}]',
    ),
    "server.bind_address": ('"0.0.0.0:1"', '"nowhere"'),
    "server.auth_tokens_file": ('"/t"', '""'),
    "server.require_auth": ("true", "1"),
    "server.tls_certificate": ('"/c"', "1"),
    "server.tls_key": ('"/k"', "1"),
    "server.tls_client_ca": ('"/ca"', "1"),
    "server.keepalive_secs": ("5.0", "0"),
    "server.keepalive_timeout_secs": ("5.0", "0"),
    "server.drain_timeout_secs": ("5.0", "-1"),
    "server.expose_tracebacks": ("false", '"x"'),
    "files.roots": ('["/srv"]', '["relative"]'),
    "log.format": ('"json"', '"xml"'),
    "log.level": ('"debug"', '"loud"'),
    "catalogue.paths": ('["nodes.py"]', '[""]'),
    "catalogue.modules": ('["my_nodes"]', "3"),
    "nodes": ('{X = "a:B"}', '{X = "a"}'),
}
# key of metadata.multiprocess: (what a manifest says, a value that is wrong there).
CLIENT: Mapping[str, tuple[object, object]] = {
    "max_processes_per_session": (30, 0),
    "channel_capacity": (300, "many"),
    "init_timeout_secs": (0.5, 0),
    "python_executable": ("/opt/a", ""),
    "enable_backpressure": (True, 1),
}
DEFAULTS = {each.key: each for each in setting_entries(RuntimeConfig())}


def toml(key: str, value: str) -> str:
    table, _, name = key.rpartition(".")
    return f"[{table}]\n{name} = {value}\n" if table else f"{name} = {value}\n"


def manifest_saying(**multiprocess: object) -> Any:
    return manifest_from(
        {
            "version": "v1",
            "metadata": {"name": "x", "multiprocess": multiprocess},
            "nodes": [{"id": "a", "node_type": "PassThrough"}],
            "connections": [],
        }
    )


def test_every_key_is_tried_here() -> None:
    assert set(DEFAULTS) == set(OPERATOR)


def test_every_key_has_a_default_and_says_so() -> None:
    assert {each.source for each in DEFAULTS.values()} == {"default"}
    assert all(each.description for each in DEFAULTS.values() if each.key != "routing.registry")
    json.dumps([each.value for each in DEFAULTS.values()])


@pytest.mark.parametrize("key", OPERATOR)
def test_runtime_toml_goes_before_the_default(key: str) -> None:
    config = parse_config(toml(key, OPERATOR[key][0]))
    for each in setting_entries(config):
        if each.key == key:
            assert each.source == "runtime.toml"
            assert each.value != DEFAULTS[key].value
        else:
            assert each == DEFAULTS[each.key]


@pytest.mark.parametrize("key", OPERATOR)
def test_a_wrong_value_in_runtime_toml_is_named_with_its_line(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(toml(key, OPERATOR[key][1]))
    (fault,) = caught.value.faults
    assert fault.where.startswith(f"runtime.toml:{2 if '.' in key else 1}: {key}")


@pytest.mark.parametrize("key", CLIENT)
def test_the_manifest_goes_before_runtime_toml(key: str) -> None:
    name = f"multiprocess.{key}"
    config = parse_config(toml(name, OPERATOR[name][0]))
    asked = manifest_saying(**{key: CLIENT[key][0]}).metadata.multiprocess
    effective = effective_settings(asked, config)
    found = {each.key: each for each in setting_entries(config, effective)}
    assert found[name].source == "manifest"
    assert found[name].value == CLIENT[key][0]
    assert {each.source for each in found.values() if each.key != name} == {"default"}


@pytest.mark.parametrize("key", CLIENT)
def test_a_wrong_value_in_the_manifest_is_named(key: str) -> None:
    with pytest.raises(ManifestError) as caught:
        manifest_saying(**{key: CLIENT[key][1]})
    (fault,) = caught.value.faults
    assert fault.where.endswith(f"metadata.multiprocess.{key}")


@pytest.mark.parametrize("key", sorted(set(OPERATOR) - {f"multiprocess.{key}" for key in CLIENT}))
def test_a_manifest_cannot_say_what_is_the_operator_s(key: str) -> None:
    name = key.rpartition(".")[2]
    with pytest.raises(ManifestError, match="unknown key"):
        manifest_saying(**{name: 1})


@pytest.mark.parametrize(
    ("key", "variable", "value"),
    [
        ("server.bind_address", "GRPC_BIND_ADDRESS", "0.0.0.0:7"),
        ("server.require_auth", "GRPC_REQUIRE_AUTH", False),
    ],
)
def test_the_environment_overrides_runtime_toml(key: str, variable: str, value: object) -> None:
    config = parse_config(toml(key, OPERATOR[key][0]))
    listed = setting_entries(config, environment={variable: str(value)})
    (found,) = [each for each in listed if each.key == key]
    assert (found.value, found.source, found.note) == (value, "environment", variable)


def test_a_cap_is_noted() -> None:
    config = parse_config("[limits]\nmax_total_processes = 3")
    asked = manifest_saying(max_processes_per_session=8).metadata.multiprocess
    listed = setting_entries(config, effective_settings(asked, config))
    (found,) = [e for e in listed if e.key == "multiprocess.max_processes_per_session"]
    assert (found.value, found.source) == (3, "manifest")
    assert found.note == "8 asked for, capped by limits.max_total_processes"
