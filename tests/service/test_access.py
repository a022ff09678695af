"""Who may call: tokens, TLS and mutual TLS."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from runtime import RuntimeConfig
from runtime.config import Server
from runtime.errors import ConfigError
from tests.service.certificates import Authority, make_authority
from tests.service.conftest import Serve
from tests.service.grpcio_client import Client, connected
from tests.service.messages import control, init, make, message_class, pipeline
from tests.service.raw_client import GET_VERSION, frame, raw_client

ECHO = pipeline({"a": "PassThrough"})
TOKENS = {"GRPC_AUTH_TOKENS": "first-token, second+token/="}
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


def reflect(client: Client, **options: Any) -> None:
    call = client.channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=message_class(
            "grpc.reflection.v1.ServerReflectionResponse"
        ).FromString,
    )
    request = make("grpc.reflection.v1.ServerReflectionRequest", list_services="")
    list(call(iter([request]), **options))


def stream(client: Client, **options: Any) -> None:
    with client.stream(init(ECHO), control("CLOSE"), **options) as opened:
        list(opened)


def execute(client: Client, **options: Any) -> None:
    path = "/remotemedia.v1.PipelineExecutionService/ExecutePipeline"
    client.unary(path, make("ExecuteRequest", manifest=ECHO), "ExecuteResponse", **options)


def version(client: Client, **options: Any) -> None:
    client.version(**options)


RPCS: dict[str, Callable[..., None]] = {
    "StreamPipeline": stream,
    "ExecutePipeline": execute,
    "GetVersion": version,
    "reflection": reflect,
}
WRONG: dict[str, str | None] = {
    "none": None,
    "a wrong one": "Bearer third-token",
    "half of one": "Bearer first",
    "one and more": "Bearer first-token2",
    "both": "Bearer first-token, second+token/=",
    "an empty one": "Bearer ",
    "the word alone": "Bearer",
    "the token alone": "first-token",
    "another scheme": "Basic first-token",
    "an empty header": "",
    "a long one": "Bearer " + "x" * 5000,
}
RIGHT = [f"Bearer {token}" for token in ("first-token", "second+token/=")]
RIGHT += ["bearer first-token", "BEARER  first-token "]


def metadata(said: str | None) -> tuple[tuple[str, str], ...]:
    return () if said is None else (("authorization", said),)


@pytest.mark.parametrize("rpc", RPCS)
def test_every_rpc_asks_for_a_token(serve: Serve, rpc: str) -> None:
    with connected(serve(environment=TOKENS).target) as client:
        for name, said in WRONG.items():
            with pytest.raises(grpc.RpcError) as caught:
                RPCS[rpc](client, metadata=metadata(said))
            assert caught.value.code() is UNAUTHENTICATED, name
            assert "first-token" not in caught.value.details()
        for said in RIGHT:
            RPCS[rpc](client, metadata=metadata(said))


def test_the_health_needs_no_token(serve: Serve) -> None:
    with connected(serve(environment=TOKENS).target) as client:
        assert client.health() == 1


def test_a_token_that_is_no_text_is_refused(serve: Serve) -> None:
    server = serve(environment=TOKENS)
    with raw_client(server.port) as client:
        for said in ("Bearer \N{SNOWMAN}", "Bearer first-token\x7f"):
            try:
                body = frame(make("VersionRequest"))
                call = client.call(GET_VERSION, body, end=True, authorization=said)
                assert client.status(call) == UNAUTHENTICATED.value[0]
            except (EOFError, OSError):
                break  # or thrown out for a header that is none
    with connected(server.target, token="first-token") as other:
        assert other.version().compatible


def test_without_tokens_none_is_asked_for_and_any_is_fine(serve: Serve) -> None:
    with connected(serve().target) as client:
        version(client)
        version(client, metadata=metadata("Bearer whatever"))


def test_tokens_may_come_from_a_file(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("# who\nalice\n\n  bob  \n")
    server = serve(RuntimeConfig(server=Server(auth_tokens_file=str(file))), TOKENS)
    with connected(server.target) as client:
        for token in ("alice", "bob", "first-token"):
            version(client, metadata=metadata(f"Bearer {token}"))
        for token in ("# who", "who", ""):
            with pytest.raises(grpc.RpcError):
                version(client, metadata=metadata(f"Bearer {token}"))


def test_require_auth_may_be_turned_off_although_there_are_tokens(serve: Serve) -> None:
    with connected(serve(environment={**TOKENS, "GRPC_REQUIRE_AUTH": "false"}).target) as client:
        version(client)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"GRPC_REQUIRE_AUTH": "true"}, "there are none"),
        ({"GRPC_REQUIRE_AUTH": "true", "GRPC_AUTH_TOKENS": " , "}, "there are none"),
        ({"GRPC_REQUIRE_AUTH": "perhaps"}, "GRPC_REQUIRE_AUTH"),
        ({"GRPC_AUTH_TOKENS": "a b"}, "blanks"),
        ({"GRPC_BIND_ADDRESS": "here"}, "GRPC_BIND_ADDRESS"),
        ({"GRPC_BIND_ADDRESS": "127.0.0.1:99999"}, "GRPC_BIND_ADDRESS"),
        ({"GRPC_BIND_ADDRESS": "nowhere.invalid:0"}, "nowhere.invalid"),
        ({"GRPC_BIND_ADDRESS": "192.0.2.1:0"}, "192.0.2.1"),
    ],
)
def test_what_the_environment_says_wrongly_is_told(
    serve: Serve, environment: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        serve(environment=environment)


def test_a_port_that_is_taken_is_told(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match=address):
            serve(environment={"GRPC_BIND_ADDRESS": address})


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path)


def tls(authority: Authority, **more: Any) -> RuntimeConfig:
    server = authority.issue("server")
    certificate, key = str(server.certificate), str(server.key)
    return RuntimeConfig(server=Server(tls_certificate=certificate, tls_key=key, **more))


def credentials(authority: Authority, client: Any = None) -> grpc.ChannelCredentials:
    pair = (None, None) if client is None else (client.key, client.certificate)
    key, chain = (None if file is None else file.read_bytes() for file in pair)
    return grpc.ssl_channel_credentials(authority.certificate.read_bytes(), key, chain)


def is_refused(target: str, **options: Any) -> bool:
    with connected(target, **options) as client, pytest.raises(grpc.RpcError) as caught:
        client.version(timeout=5)
    return caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_tls_carries_streams(serve: Serve, authority: Authority) -> None:
    server = serve(tls(authority))
    with (
        connected(server.target, credentials=credentials(authority)) as client,
        client.pipeline(ECHO, control("CLOSE")) as opened,
    ):
        assert opened.rest().closed


def test_tls_lets_in_nobody_who_speaks_plainly_or_trusts_another(
    serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    server = serve(tls(authority))
    other = make_authority(tmp_path, "other")
    assert is_refused(server.target)
    assert is_refused(server.target, credentials=credentials(other))
    with connected(server.target, credentials=credentials(authority)) as client:
        version(client)


def test_mutual_tls_asks_clients_for_a_certificate(
    serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    other = make_authority(tmp_path, "other")
    server = serve(tls(authority, tls_client_ca=str(authority.certificate)))
    stranger = other.issue("stranger")
    assert is_refused(server.target, credentials=credentials(authority))
    assert is_refused(server.target, credentials=credentials(authority, stranger))
    client = authority.issue("client")
    with connected(server.target, credentials=credentials(authority, client)) as known:
        version(known)


def test_tls_and_tokens_go_together(serve: Serve, authority: Authority) -> None:
    server = serve(tls(authority), TOKENS)
    with connected(server.target, credentials=credentials(authority)) as client:
        with pytest.raises(grpc.RpcError) as caught:
            version(client)
        assert caught.value.code() is UNAUTHENTICATED
        version(client, metadata=metadata("Bearer first-token"))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"tls_certificate": "server.pem"}, "tls_key"),
        ({"tls_key": "server.key"}, "tls_certificate"),
        ({"tls_client_ca": "authority.pem"}, "tls_certificate"),
        ({"tls_certificate": "nowhere.pem", "tls_key": "server.key"}, "nowhere.pem"),
        ({"tls_certificate": "server.pem", "tls_key": "authority.key"}, "server.pem"),
        (
            {
                "tls_certificate": "server.pem",
                "tls_key": "server.key",
                "tls_client_ca": "server.key",
            },
            "tls_client_ca",
        ),
    ],
)
def test_certificates_that_cannot_be_used_are_told(
    serve: Serve, authority: Authority, files: dict[str, str], said: str
) -> None:
    authority.issue("server")
    named = {key: str(authority.folder / file) for key, file in files.items()}
    with pytest.raises(ConfigError, match=said):
        serve(RuntimeConfig(server=Server.model_validate(named)))
