import re
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.config import (
    CatalogueSources,
    Files,
    Limits,
    Log,
    Model,
    Multiprocess,
    Origin,
    Pattern,
    Routing,
    RuntimeConfig,
    Server,
    Source,
    Tracing,
    declarations,
    load_config,
    parse_config,
    with_environment,
    with_value,
)
from runtime.errors import ConfigError

TABLES = (
    "catalogue",
    "executors",
    "files",
    "limits",
    "log",
    "models",
    "multiprocess",
    "routing",
    "server",
    "tracing",
)
REPOSITORY = Path(__file__).parents[2]


def faults_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    return [str(fault) for fault in caught.value.faults]


def test_the_file_in_the_repository_has_the_built_in_defaults():
    assert load_config(REPOSITORY / "runtime.toml") == RuntimeConfig()


def test_the_file_in_the_repository_shows_every_key_with_a_comment():
    lines = (REPOSITORY / "runtime.toml").read_text().splitlines()
    sections = (
        Multiprocess,
        Limits,
        Routing,
        Pattern,
        Server,
        Files,
        Tracing,
        Log,
        CatalogueSources,
        Model,
    )
    for section in (*sections, RuntimeConfig):
        for key in section.model_fields:
            pattern = rf"(# )?{key} =|\[+(routing\.)?{key}\]"
            places = [index for index, line in enumerate(lines) if re.match(pattern, line)]
            assert places, key
            if section is not Pattern and key not in TABLES:
                assert lines[places[0] - 1].startswith("#"), key


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert load_config() == RuntimeConfig()
    assert load_config().multiprocess.channel_capacity == 100


def test_the_file_in_the_current_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "runtime.toml").write_text("[limits]\nmax_sessions = 3\n")
    monkeypatch.chdir(tmp_path)
    assert load_config().limits.max_sessions == 3


def test_a_file_that_is_named_must_be_there(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"my\.toml: cannot be read: No such file"):
        load_config(tmp_path / "my.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"# \xfc\n")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load_config(tmp_path / "latin.toml")


def test_every_section_accepts_its_keys():
    config = parse_config(
        """
[multiprocess]
python_executable = "/opt/python"
allowed_python_executables = ["/usr/bin/python3"]
init_timeout_secs = 5
[routing]
default_executor = "multiprocess"
override_executors = []
registry = {Fast = "native"}
patterns = [{pattern = "*Model", executor = "gpu"}]
[nodes]
Fast = "my.nodes:Fast"
[models.local]
url = "http://127.0.0.1:8080/v1"
model = "tiny"
max_tokens = 7
[models.big]
url = "https://example.org"
model = "big"
[tools]
clock = "my.tools:clock"
"""
    )
    assert {name: model.model for name, model in config.models.items()} == {
        "local": "tiny",
        "big": "big",
    }
    assert config.models["local"].max_tokens == 7
    assert config.tools == {"clock": "my.tools:clock"}
    assert config.multiprocess.python_executable == "/opt/python"
    assert config.multiprocess.allowed_python_executables == ("/usr/bin/python3",)
    assert config.multiprocess.init_timeout_secs == 5.0
    assert config.routing.patterns == (Pattern(pattern="*Model", executor="gpu", priority=0),)
    assert config.routing.registry == {"Fast": "native"}
    assert config.nodes == {"Fast": "my.nodes:Fast"}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("channel_capacity = 0", "got 0; expected an integer from 1 to 10000 (default 100)"),
        ("channel_capacity = 10001", "got 10001; expected an integer from 1 to 10000"),
        ('channel_capacity = "5"', 'got "5"; expected an integer from 1 to 10000'),
        ("channel_capacity = true", "got true; expected an integer from 1 to 10000"),
        ("channel_bytes = 0", "got 0; expected an integer from 1 to"),
        ("init_timeout_secs = 0", "got 0; expected a number > 0 and <= 300 (default 30)"),
        ("init_timeout_secs = 301", "got 301; expected a number > 0 and <= 300"),
        ("init_timeout_secs = nan", "got nan; expected a finite number"),
        ("init_timeout_secs = inf", "got inf; expected a finite number"),
        ("init_timeout_secs = 2026-01-31", "got a date; expected text, a number"),
        ("cleanup_grace_period_secs = -1", "got -1; expected a number from 0 to 3600"),
        ("enable_backpressure = 1", "got 1; expected true or false (default true)"),
        ("max_processes_per_session = 0", "got 0; expected an integer from 1 to"),
        ('python_executable = ""', 'got ""; expected text that is not empty'),
        ('allowed_python_executables = "python"', 'got "python"; expected a list'),
        ("allowed_python_executables = [3]", "[0]: got 3; expected text that is not empty"),
        ("shared_memory_budget_bytes = 5", "got 5; expected an integer from 1048576 to"),
    ],
)
def test_a_wrong_value_is_named_with_line_key_and_accepted_form(line: str, fault: str):
    (found,) = faults_of(f"# settings\n\n[multiprocess]\n{line}\n")
    assert found.startswith(f"runtime.toml:4: multiprocess.{line.split(' ')[0]}")
    assert fault in found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[limit]", 'runtime.toml:1: limit: unknown key; did you mean "limits"?'),
        ("[limits]\nmax_sesions = 1", 'limits.max_sesions: unknown key; did you mean "max_sess'),
        ("[limits]\nmax_message_bytes = 1000", "got 1000; expected an integer from 10485760 to"),
        ("[limits]\nmax_manifest_nodes = 1001", "expected an integer from 1 to 1000"),
        ("[limits]\nmax_manifest_connections = 10001", "expected an integer from 0 to 10000"),
        ("[limits]\nmax_total_processes = 0", "got 0; expected an integer from 1 to"),
        ("limits = 3", "runtime.toml:1: limits: got 3; expected an object"),
        ("[routing.registry]\nX = 3", "runtime.toml:2: routing.registry.X: got 3; expected text"),
        ("[[routing.patterns]]\npattern = '*'", "routing.patterns[0].executor: is missing"),
        ("[nodes]\nX = 'my.nodes'", 'nodes.X: got "my.nodes"; expected "module:Class" such as'),
        (
            "[models.m]\nurl = 'http://x'",
            "runtime.toml:1: models.m.model: is missing; expected text",
        ),
        (
            "[models.m]\nurl = 'http://me:secret@x/v1'\nmodel = 'x'",
            "runtime.toml:2: models.m.url: got",
        ),
        (
            "[models.m]\nurl = 'http://x'\nmodel = 'x'\nmax_tokns = 1",
            'runtime.toml:4: models.m.max_tokns: unknown key; did you mean "max_tokens"?',
        ),
        (
            "[models.'a b']\nurl = 'http://x'\nmodel = 'x'",
            "a name here has 1 to 64 letters, digits, _ and -",
        ),
        ("[models]\nm = 3", "runtime.toml:2: models.m: got 3; expected an object"),
        ("[nodes]\nX = 'my nodes:X'", 'got "my nodes:X"; expected "module:Class"'),
    ],
)
def test_a_mistake_in_any_section_is_named(text: str, fault: str):
    (found,) = faults_of(text)
    assert fault in found


def test_all_faults_come_at_once_in_the_order_of_the_file():
    faults = faults_of("[limits]\nmax_sessions = 0\nmax_x = 1\n[multiprocess]\nchannel_bytes = 0")
    assert [fault.split(" ")[0] for fault in faults] == [
        "runtime.toml:2:",
        "runtime.toml:3:",
        "runtime.toml:5:",
    ]


def test_runtime_toml_is_the_text_that_the_declarations_give() -> None:
    text = subprocess.run(
        [sys.executable, "-m", "runtime.config"], capture_output=True, text=True, check=True
    ).stdout
    assert text == (REPOSITORY / "runtime.toml").read_text(), (
        "regenerate it: python -m runtime.config > runtime.toml"
    )


def test_every_number_has_an_upper_bound() -> None:
    schema = RuntimeConfig.model_json_schema()
    tables = {"": schema, **schema["$defs"]}
    unbounded = [
        f"{table}.{name}"
        for table, section in tables.items()
        for name, field in section.get("properties", {}).items()
        if field.get("type") in ("integer", "number") and "maximum" not in field
    ]
    assert unbounded == []


def test_every_setting_has_its_meaning_in_one_phrase() -> None:
    for each in declarations(RuntimeConfig):
        assert each.meaning, each.key
        assert not each.meaning.endswith("."), each.key
        assert each.default != "null" or each.rules.example, each.key


def test_a_cap_and_a_list_of_allowed_values_are_settings_themselves() -> None:
    keys = {each.key for each in declarations(RuntimeConfig)}
    for each in declarations(RuntimeConfig):
        if each.rules.capped_by:
            assert each.rules.capped_by in keys
        if each.rules.allowed_by:
            assert f"{each.table}.{each.rules.allowed_by}" in keys


def test_a_value_knows_the_file_that_it_comes_from() -> None:
    config = parse_config("[limits]\nmax_sessions = 100\n[nodes]\nX = 'a:B'", "prod.toml")
    assert config.limits.origin("max_sessions") == Origin(Source.RUNTIME_TOML, "prod.toml")
    assert config.origin("nodes") == Origin(Source.RUNTIME_TOML, "prod.toml")
    config = parse_config("[models.m]\nurl = 'http://x'\nmodel = 'x'", "prod.toml")
    assert config.models["m"].origin("url") == Origin(Source.RUNTIME_TOML, "prod.toml")
    assert config.models["m"].origin("max_tokens") == Origin(Source.DEFAULT)
    assert config.limits.origin("max_total_processes") == Origin(Source.DEFAULT)
    assert Limits(max_sessions=3).origin("max_sessions") == Origin(Source.CODE)
    assert config.limits == Limits()


def test_the_command_line_overrides_the_environment_in_any_order() -> None:
    option = Origin(Source.COMMAND_LINE, "--bind")
    environment = {"GRPC_BIND_ADDRESS": "0.0.0.0:7"}
    config = parse_config("[server]\nbind_address = '0.0.0.0:1'")
    assert with_environment(config, environment).server.bind_address == "0.0.0.0:7"
    config = with_value(config, "server.bind_address", "0.0.0.0:9", option)
    config = with_environment(config, environment)
    assert config.server.bind_address == "0.0.0.0:9"
    assert config.server.origin("bind_address") == option


def test_a_wrong_value_of_the_command_line_is_named_by_its_option() -> None:
    with pytest.raises(ConfigError) as caught:
        with_value(
            RuntimeConfig(), "server.bind_address", "99", Origin(Source.COMMAND_LINE, "--bind")
        )
    assert str(caught.value).startswith('--bind: got "99"; expected "host:port" such as')
