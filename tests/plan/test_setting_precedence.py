from typing import Any

import pytest

from runtime.config import RuntimeConfig, parse_config
from runtime.manifest import MultiprocessSettings
from runtime.plan import Setting, Source, effective_settings, refused_settings

MANIFEST_KEYS: list[tuple[str, Any, Any, Any]] = [
    # key, the default, in runtime.toml, in the manifest
    ("max_processes_per_session", 10, 20, 30),
    ("channel_capacity", 100, 200, 300),
    ("init_timeout_secs", 30.0, 40.0, 0.5),
    ("python_executable", None, "/opt/a", "/opt/b"),
    ("enable_backpressure", True, False, True),
]
OPERATOR_KEYS: list[tuple[str, Any, Any]] = [
    ("channel_bytes", 64 * 1024 * 1024, 1000),
    ("cleanup_grace_period_secs", 5.0, 0.5),
    ("shared_memory_budget_bytes", 1024 * 1024 * 1024, 2 * 1024 * 1024),
]


def toml(key: str, value: object) -> RuntimeConfig:
    shown = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else repr(value)
    return parse_config(f"[multiprocess]\n{key} = {shown}")


@pytest.mark.parametrize(("key", "default", "operator", "manifest"), MANIFEST_KEYS)
def test_the_manifest_overrides_runtime_toml_and_that_the_default(key, default, operator, manifest):
    silent, config = MultiprocessSettings(), toml(key, operator)
    asked = MultiprocessSettings({key: manifest})

    def found(asked: MultiprocessSettings, config: RuntimeConfig) -> Setting:
        return effective_settings(asked, config).setting(key)

    assert found(silent, RuntimeConfig()) == Setting(default, Source.DEFAULT)
    assert found(silent, config) == Setting(operator, Source.RUNTIME_TOML)
    assert found(asked, config) == Setting(manifest, Source.MANIFEST)
    assert found(asked, RuntimeConfig()) == Setting(manifest, Source.MANIFEST)


@pytest.mark.parametrize(("key", "default", "operator"), OPERATOR_KEYS)
def test_what_a_manifest_cannot_set_is_the_operator_s(key, default, operator):
    silent = MultiprocessSettings()
    assert effective_settings(silent, RuntimeConfig()).setting(key) == Setting(
        default, Source.DEFAULT
    )
    assert effective_settings(silent, toml(key, operator)).setting(key) == Setting(
        operator, Source.RUNTIME_TOML
    )


def test_setting_one_key_leaves_the_others_unchanged():
    settings = effective_settings(
        MultiprocessSettings({"channel_capacity": 5}), toml("init_timeout_secs", 7.0)
    )
    assert settings.setting("channel_capacity").source is Source.MANIFEST
    assert settings.setting("init_timeout_secs").source is Source.RUNTIME_TOML
    assert settings.setting("enable_backpressure").source is Source.DEFAULT


def test_a_value_equal_to_the_default_keeps_its_source():
    settings = effective_settings(MultiprocessSettings(), toml("channel_capacity", 100))
    assert settings.setting("channel_capacity") == Setting(100, Source.RUNTIME_TOML)


@pytest.mark.parametrize(
    ("asked", "configured", "source"),
    [(500, None, Source.MANIFEST), (None, 50, Source.RUNTIME_TOML)],
)
def test_the_limit_of_all_processes_caps_a_session(asked, configured, source):
    text = "[limits]\nmax_total_processes = 7\n"
    if configured is not None:
        text += f"[multiprocess]\nmax_processes_per_session = {configured}"
    settings = effective_settings(
        MultiprocessSettings({} if asked is None else {"max_processes_per_session": asked}),
        parse_config(text),
    )
    setting = settings.setting("max_processes_per_session")
    assert (setting.value, setting.source) == (7, source)
    assert str(setting) == (
        f"7 ({source.label}, {asked or configured} asked for, capped by limits.max_total_processes)"
    )


def test_a_setting_shows_its_source():
    assert str(Setting(5, Source.MANIFEST)) == "5 (manifest)"
    assert str(Setting(None, Source.DEFAULT)) == "null (default)"


def test_a_manifest_s_interpreter_runs_only_if_the_operator_lists_it():
    asked = MultiprocessSettings({"python_executable": "/opt/b"})
    allowing = parse_config("[multiprocess]\nallowed_python_executables = ['/opt/a', '/opt/b']")
    assert list(refused_settings(asked, allowing)) == []
    assert list(refused_settings(asked, toml("python_executable", "/opt/b"))) == []
    assert list(refused_settings(MultiprocessSettings(), RuntimeConfig())) == []
    for config, allowed in (
        (RuntimeConfig(), "none"),
        (toml("python_executable", "/opt/a"), '"/opt/a"'),
        (toml("allowed_python_executables", ["/opt/b/", "/opt/../opt/b"]), '"/opt/b/", "/opt/..'),
    ):
        (problem,) = refused_settings(asked, config)
        assert problem.path == ("metadata", "multiprocess", "python_executable")
        assert problem.message.startswith('got "/opt/b"; expected one that the operator allows')
        assert f"allowed_python_executables: {allowed}" in problem.message
