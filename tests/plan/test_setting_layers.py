"""Every setting at every layer: which layer overrides which, and how a wrong value is reported.

The values are made up from the declarations, so that a new setting is tested without an entry here.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest

from runtime.config import Declaration, RuntimeConfig, declarations, parse_config
from runtime.errors import ConfigError, ManifestError
from runtime.manifest import manifest_from
from runtime.plan import effective_settings, setting_entries

# Settings whose values cannot be made up from their type: a value, and wrong ones, as TOML.
SPECIAL: Mapping[str, tuple[str, list[str]]] = {
    "routing.registry": ('{X = "native"}', ["{X = 3}"]),
    "routing.patterns": (
        '[{pattern = "*", executor = "native", priority = 3}]',
        ['[{pattern = "*"}]'],
    ),
    "server.bind_address": ('"0.0.0.0:1"', ['"nowhere"', '"0.0.0.0:65536"']),
    "http.bind_address": ('"0.0.0.0:1"', ['"nowhere"', '"0.0.0.0:65536"']),
    "http.talk_origins": (
        '["https://app.example"]',
        ['["app.example"]', '["https://app.example/page"]', '["*"]'],
    ),
    "http.talk_webrtc_ports": ('"40000-40099"', ['"40000"', '"99-40000"', '"40099-40000"']),
    "http.talk_webrtc_address": ('"192.0.2.7"', ['"nowhere"', '"192.0.2.7:40000"']),
    "tracing.session_rate": ("0.5", ["-1", "2", "true", '"7"']),
    "files.roots": ('["/srv"]', ['["relative"]']),
    "executors.remote.hosts": ('{h = {address = "x:1"}}', ["{h = 3}", "3"]),
    "models": ('{m = {url = "http://x", model = "x"}}', ["{m = 3}", "3"]),
    "tools": ('{t = "a:b"}', ['{t = "a"}']),
    "media.output_folders": ('["/srv"]', ['["relative"]']),
    "media.urls": (
        '["rtsp://camera.local:8554/live"]',
        ['["camera.local"]', '["file:///etc"]', '["rtsp://me:secret@camera.local/"]'],
    ),
    "nodes": ('{X = "a:B"}', ['{X = "a"}']),
    "pipelines": ('{a = "a.yaml"}', ["{a = 3}", '{"a b" = "a.yaml"}']),
}


def values_of(declared: Declaration) -> tuple[str, list[str]]:
    """Return a valid value that is not the default, and wrong ones."""
    form, default = declared.form, json.loads(declared.default)
    if declared.key in SPECIAL:
        return SPECIAL[declared.key]
    if form.startswith(("an integer", "a number")):
        low, high = (json.loads(number) for number in re.findall(r"-?[0-9][0-9.]*", form))
        valid = low + 1 if low + 1 not in (default, high) else low + 2
        return json.dumps(valid), [json.dumps(low - 1), json.dumps(high + 1), "true", '"7"']
    if form.startswith("true or false"):
        return json.dumps(not default), ['"no"', "1"]
    if form.startswith("text"):
        return '"/some/text"', ["3", '""']
    if form.startswith("a list"):
        return '["some"]', ['"some"', "[3]", '[""]']
    choices = [json.loads(choice) for choice in re.findall('"[^"]*"', form)]
    return json.dumps(next(each for each in choices if each != default)), ['"none of them"']


DECLARED = {each.key: each for each in declarations(RuntimeConfig)}
OPERATOR = {key: values_of(each)[0] for key, each in DECLARED.items()}
WRONG = [(key, wrong) for key, each in DECLARED.items() for wrong in values_of(each)[1]]
CLIENT = [each.key for each in DECLARED.values() if each.rules.in_manifest]


def from_toml(value: str) -> object:
    return tomllib.loads(f"x = {value}")["x"]


DEFAULTS = {each.key: each for each in setting_entries(RuntimeConfig())}


def toml(key: str, value: str) -> str:
    table, _, name = key.rpartition(".")
    return f"[{table}]\n{name} = {value}\n" if table else f"{name} = {value}\n"


def manifest_with(**multiprocess: object) -> Any:
    return manifest_from(
        {
            "version": "v1",
            "metadata": {"name": "x", "multiprocess": multiprocess},
            "nodes": [{"id": "a", "node_type": "PassThrough"}],
            "connections": [],
        }
    )


def test_every_key_has_a_default_and_a_meaning() -> None:
    assert {each.source for each in DEFAULTS.values()} == {"default"}
    assert all(each.description for each in DEFAULTS.values())
    json.dumps([each.value for each in DEFAULTS.values()])


@pytest.mark.parametrize("key", OPERATOR)
def test_runtime_toml_overrides_the_default(key: str) -> None:
    config = parse_config(toml(key, OPERATOR[key]))
    for each in setting_entries(config):
        if each.key == key:
            assert each.source == "runtime.toml"
            assert each.value != DEFAULTS[key].value
        elif each.key.startswith(f"{key}."):  # of a named table
            given = each.key.rpartition(".")[2] in OPERATOR[key]
            assert each.source == ("runtime.toml" if given else "default")
        else:
            assert each == DEFAULTS[each.key]


@pytest.mark.parametrize(("key", "wrong"), WRONG)
def test_a_wrong_value_in_runtime_toml_is_named_with_its_line(key: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(toml(key, wrong))
    (fault,) = caught.value.faults
    assert fault.where.startswith(f"runtime.toml:{2 if '.' in key else 1}: {key}")


@pytest.mark.parametrize("key", CLIENT)
def test_the_manifest_overrides_runtime_toml(key: str) -> None:
    name = key.rpartition(".")[2]
    config = parse_config(toml(key, json.dumps(DEFAULTS[key].value or "/opt/b")))
    asked = manifest_with(**{name: from_toml(OPERATOR[key])}).metadata.multiprocess
    effective = effective_settings(asked, config)
    found = {each.key: each for each in setting_entries(config, effective)}
    assert found[key].source == "manifest"
    assert found[key].value == from_toml(OPERATOR[key])
    assert {each.source for each in found.values() if each.key != key} == {"default"}


@pytest.mark.parametrize(("key", "wrong"), [each for each in WRONG if each[0] in CLIENT])
def test_a_wrong_value_in_the_manifest_is_named(key: str, wrong: str) -> None:
    with pytest.raises(ManifestError) as caught:
        manifest_with(**{key.rpartition(".")[2]: from_toml(wrong)})
    (fault,) = caught.value.faults
    assert fault.where.endswith(f"metadata.{key}")


@pytest.mark.parametrize("key", sorted(set(OPERATOR) - set(CLIENT)))
def test_a_manifest_cannot_set_what_is_the_operator_s(key: str) -> None:
    name = key.rpartition(".")[2]
    with pytest.raises(ManifestError, match="unknown key"):
        manifest_with(**{name: 1})


@pytest.mark.parametrize(
    ("key", "variable", "value"),
    [
        ("server.bind_address", "GRPC_BIND_ADDRESS", "0.0.0.0:7"),
        ("server.require_auth", "GRPC_REQUIRE_AUTH", False),
    ],
)
def test_the_environment_overrides_runtime_toml(key: str, variable: str, value: object) -> None:
    config = parse_config(toml(key, OPERATOR[key]))
    listed = setting_entries(config, environment={variable: str(value)})
    (found,) = [each for each in listed if each.key == key]
    assert (found.value, found.source, found.note) == (value, "environment", variable)


def test_a_cap_is_noted() -> None:
    config = parse_config("[limits]\nmax_total_processes = 3")
    asked = manifest_with(max_processes_per_session=8).metadata.multiprocess
    listed = setting_entries(config, effective_settings(asked, config))
    (found,) = [e for e in listed if e.key == "multiprocess.max_processes_per_session"]
    assert (found.value, found.source) == (3, "manifest")
    assert found.note == "8 asked for, capped by limits.max_total_processes"
