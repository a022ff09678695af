"""[models.NAME]: endpoints of the operator, whose keys come from elsewhere and are never shown."""

import json
from pathlib import Path

import pytest

from runtime import ConfigError
from runtime.config import Model, RuntimeConfig, model_endpoints, parse_config, secret_variables
from runtime.plan import setting_entries

KEY = "sk-very-secret"


def model(**more: str) -> Model:
    return Model.model_validate({"url": "http://x/v1/", "model": "tiny", **more})


def test_a_key_comes_from_a_variable_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f" {KEY}\n# not the key\n")
    models = {
        "a": model(api_key_variable="LLM_KEY"),
        "b": model(api_key_file=str(tmp_path / "key")),
        "none": model(),
    }
    endpoints = model_endpoints(models, {"LLM_KEY": KEY})
    assert endpoints["a"].headers == endpoints["b"].headers == {"authorization": f"Bearer {KEY}"}
    assert endpoints["none"].headers == {}
    assert endpoints["a"].url == "http://x/v1"
    assert KEY not in repr(endpoints)


def test_more_headers_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "headers").write_text(f"# of the gateway\napi-key = {KEY}\nX-Org=me\n")
    endpoint = model_endpoints({"a": model(headers_file=str(tmp_path / "headers"))}, {})["a"]
    assert endpoint.headers == {"api-key": KEY, "x-org": "me"}


def test_the_settings_that_are_shown_have_no_key() -> None:
    config = parse_config('[models.m]\nurl = "http://x"\nmodel = "x"\napi_key_variable = "LLM_KEY"')
    entries = {each.key: each for each in setting_entries(config, None, {"LLM_KEY": KEY})}
    assert entries["models.m.api_key_variable"].value == "LLM_KEY"
    assert entries["models.m.api_key_variable"].source == "runtime.toml"
    assert KEY not in json.dumps([each.value for each in entries.values()])


def test_a_key_in_runtime_toml_is_refused_without_being_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(f'[models.m]\nurl = "http://x"\nmodel = "x"\napi_key = "{KEY}"')
    assert "models.m.api_key: unknown key" in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"http://me:{KEY}@x/v1",
        f"http://me:a@b{KEY}@x/v1",
        f"http://{KEY}@x",
        f"https://x/v1?api_key={KEY}",
        f"https://me:{KEY}@x/v1?a={KEY}&b={KEY}#c",
    ],
)
def test_a_url_with_a_secret_is_refused_without_repeating_it(url: str) -> None:
    for text in (
        f'[models.m]\nurl = "{url}"\nmodel = "x"',
        f'[tracing]\nendpoint = "{url}"',
        f'[media]\nurls = ["{url}"]',
    ):
        with pytest.raises(ConfigError, match="without user and query") as caught:
            parse_config(text)
        assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "environment", "message"),
    [
        ({"api_key_variable": "LLM_KEY"}, {}, "models.m.api_key_variable LLM_KEY: is not set"),
        ({"api_key_variable": "LLM_KEY"}, {"LLM_KEY": f"{KEY} x"}, "without blanks"),
        ({"api_key_variable": "LLM_KEY"}, {"LLM_KEY": f"{KEY}\r\nx: y"}, "without blanks"),
        ({"api_key_variable": "LLM_KEY"}, {"LLM_KEY": ""}, "not empty"),
        ({"api_key_file": "/nowhere/key"}, {}, "models.m.api_key_file /nowhere/key: cannot be"),
        ({"headers_file": "/nowhere"}, {}, "models.m.headers_file /nowhere: cannot be read"),
        ({"api_key_file": "/a", "api_key_variable": "B"}, {}, "keep one of them"),
    ],
)
def test_a_secret_that_cannot_be_used_is_an_error_that_does_not_hold_it(
    settings: dict[str, str], environment: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        model_endpoints({"m": model(**settings)}, environment)
    assert KEY not in str(caught.value)


def test_variables_with_secrets_are_known() -> None:
    names = secret_variables(RuntimeConfig(models={"m": model(api_key_variable="LLM_KEY")}))
    assert {"LLM_KEY", "GRPC_AUTH_TOKENS", "MILLRACE_TRACING_HEADERS"} <= names
