"""Who may call the server, and where: runtime.toml's [server] and the environment."""

from pathlib import Path

import pytest

from runtime.config import Server, ServerAddress, parse_config, server_access
from runtime.errors import ConfigError


def faults_of(server: Server, **environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        server_access(server, environment)
    return str(caught.value)


def test_the_defaults_are_the_local_machine_and_no_tokens():
    access = server_access(Server(), {})
    assert (str(access.address), access.require_auth, access.tokens) == (
        "127.0.0.1:50051",
        False,
        frozenset(),
    )


def test_the_environment_overrides_the_file(tmp_path: Path):
    server = Server(bind_address="127.0.0.1:1", require_auth=True)
    access = server_access(server, {"GRPC_BIND_ADDRESS": "[::1]:2", "GRPC_REQUIRE_AUTH": "false"})
    assert access.address == ServerAddress("::1", 2)
    assert str(access.address) == "[::1]:2"
    assert not access.require_auth


def test_tokens_come_from_the_environment_and_from_a_file(tmp_path: Path):
    (tmp_path / "tokens").write_text("# of the robots\nrobot-1\n\n  robot-2  \n")
    server = Server(auth_tokens_file=str(tmp_path / "tokens"))
    access = server_access(server, {"GRPC_AUTH_TOKENS": "one, two,"})
    assert access.tokens == {"one", "two", "robot-1", "robot-2"}
    assert access.require_auth
    assert "robot-1" not in repr(access)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"GRPC_BIND_ADDRESS": "50051"}, 'GRPC_BIND_ADDRESS: got "50051"; expected "host:port"'),
        ({"GRPC_BIND_ADDRESS": "127.0.0.1:70000"}, 'GRPC_BIND_ADDRESS: got "127.0.0.1:70000"'),
        ({"GRPC_REQUIRE_AUTH": "maybe"}, 'GRPC_REQUIRE_AUTH: got "maybe"; expected true or false'),
        ({"GRPC_REQUIRE_AUTH": "true"}, "tokens are required, but there are none"),
        ({"GRPC_AUTH_TOKENS": "schlüssel"}, "a token must be ASCII"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(environment: dict[str, str], message: str):
    assert message in faults_of(Server(), **environment)


def test_a_file_of_tokens_that_is_not_there_is_refused(tmp_path: Path):
    server = Server(auth_tokens_file=str(tmp_path / "none"))
    assert "cannot be read: No such file or directory" in faults_of(server)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('bind_address = "everywhere"', 'expected "host:port" such as "0.0.0.0:50051"'),
        ("keepalive_secs = 0", "keepalive_secs"),
        ("require_auth = 1", "require_auth"),
        ("tls_certficate = 'x'", "tls_certificate"),
    ],
)
def test_a_wrong_key_of_the_table_is_refused(line: str, message: str):
    with pytest.raises(ConfigError, match=message):
        parse_config(f"[server]\n{line}\n")
