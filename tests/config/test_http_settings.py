"""[http]: off unless the operator turns it on, on loopback, with tokens of its own."""

import re
from pathlib import Path

import pytest

from runtime import ConfigError
from runtime.config import Http, http_access, parse_config


def test_the_port_is_off_and_local_by_default() -> None:
    access = http_access(Http(), {})
    assert not access.settings.enabled
    assert access.address.is_local
    assert access.tokens == frozenset()


def test_the_environment_overrides_the_file() -> None:
    http = parse_config('[http]\nenabled = false\nbind_address = "127.0.0.1:1"').http
    environment = {"MILLRACE_HTTP_ENABLED": "1", "MILLRACE_HTTP_BIND_ADDRESS": "0.0.0.0:9000"}
    access = http_access(http, environment)
    assert access.settings.enabled
    assert str(access.address) == "0.0.0.0:9000"
    assert not access.address.is_local


def test_tokens_come_from_the_file_and_the_variable(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("# scrapers\none\n\n two \n")
    access = http_access(Http(tokens_file=str(file)), {"MILLRACE_HTTP_TOKENS": "three, four"})
    assert access.tokens == {"one", "two", "three", "four"}
    assert "three" not in repr(access)


def test_tokens_for_grpc_are_none_of_the_port() -> None:
    environment = {"GRPC_AUTH_TOKENS": "client", "MILLRACE_ADMIN_TOKENS": "operator"}
    assert http_access(Http(), environment).tokens == frozenset()


@pytest.mark.parametrize(
    ("settings", "environment", "message"),
    [
        ({"tokens_file": "/nowhere/tokens"}, {}, "http.tokens_file /nowhere/tokens"),
        ({}, {"MILLRACE_HTTP_TOKENS": "two words"}, "without blanks"),
        ({}, {"MILLRACE_HTTP_BIND_ADDRESS": "nonsense"}, "MILLRACE_HTTP_BIND_ADDRESS"),
        ({}, {"MILLRACE_HTTP_ENABLED": "maybe"}, "MILLRACE_HTTP_ENABLED"),
    ],
)
def test_what_cannot_be_used_is_an_error(
    settings: dict[str, str], environment: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        http_access(Http.model_validate(settings), environment)
