"""The settings of [http], and the tokens for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from ..documents import ACCEPTED
from ..errors import ConfigError, Fault
from .overrides import with_environment
from .section import Section, Text
from .server import Address, ServerAddress
from .setting import setting
from .tokens import read_tokens

Origin = Annotated[
    str,
    Field(
        pattern=r"^https?://[^\s/?#@]+$",
        json_schema_extra={ACCEPTED: 'an origin such as "https://app.example"'},
    ),
]


class Http(Section):
    """The operator's HTTP port: metrics and health (extra `http`)."""

    enabled: bool = setting(
        False, "listen for HTTP: /metrics, /livez and /readyz", variable="MILLRACE_HTTP_ENABLED"
    )
    bind_address: Address = setting(
        "127.0.0.1:9464",
        "address to listen on; port 0 takes any free port",
        variable="MILLRACE_HTTP_BIND_ADDRESS",
    )
    tokens_file: Text | None = setting(
        None,
        "file of bearer tokens, one per line; not set: no tokens from a file",
        detail="Tokens of the variable MILLRACE_HTTP_TOKENS, separated by commas, are accepted "
        "too. Without any token, the port answers /livez and /readyz only. Tokens for gRPC are not "
        "accepted.",
        example="/etc/millrace/http-tokens",
    )
    tls_certificate: Text | None = setting(
        None,
        "PEM file of the port's certificate and its chain; not set: no TLS",
        example="/etc/millrace/http.pem",
    )
    tls_key: Text | None = setting(
        None, "PEM file of the certificate's private key", example="/etc/millrace/http.key"
    )
    tls_client_ca: Text | None = setting(
        None,
        "PEM file of the authorities that sign client certificates; not set: no mutual TLS",
        detail="With it, health checks need a certificate too.",
        example="/etc/millrace/scrapers-ca.pem",
    )
    console: bool = setting(
        False,
        "serve the web console below /console/",
        variable="MILLRACE_HTTP_CONSOLE",
        detail="Each token of this table then lets a person watch sessions, read their log, see "
        "what their nodes emit, and download recordings.",
    )
    talk: bool = setting(
        False,
        "serve a page below /talk/ to speak with the pipelines of [pipelines]",
        variable="MILLRACE_HTTP_TALK",
        detail="A person signs in with a token of [server], as a client of gRPC has, or with the "
        "operator's. Where gRPC needs no token, the page needs none, and is served on a loopback "
        "address only.",
    )
    talk_origins: tuple[Origin, ...] = setting(
        (),
        "other sites whose pages may open the WebSocket of /talk/, with a token",
    )
    max_connections: int = setting(
        100,
        "connections at once, without WebSockets; beyond it the oldest is closed",
        ge=1,
        le=2**16,
    )
    max_header_bytes: int = setting(
        16 * 1024, "bytes of the headers of one request", ge=1024, le=2**20
    )
    request_timeout_secs: float = setting(
        10,
        "seconds for a request to arrive, and for its response",
        ge=0.1,
        le=3600,
        detail="Also for a TLS handshake, and for a client to read each part of a response.",
    )
    keepalive_secs: float = setting(
        75, "seconds that a connection may stay open between two requests", ge=0.1, le=3600
    )


@dataclass(frozen=True, slots=True)
class HttpAccess:
    """The address of the HTTP port, and who may read more than health there.

    Attributes:
        settings: with the values of the environment.
        tokens: without any, only health is answered. They are never shown.
    """

    settings: Http
    address: ServerAddress
    tokens: frozenset[str] = field(repr=False)


def http_access(http: Http, environment: Mapping[str, str]) -> HttpAccess:
    """Return the address of the HTTP port, and the tokens for it.

    Variables of the environment override runtime.toml. The tokens of MILLRACE_HTTP_TOKENS,
    separated by commas, are added to those of the file.

    Raises:
        ConfigError: a value is not valid, or the file of tokens cannot be read.
    """
    http = with_environment(http, environment)
    faults: list[Fault] = []
    listed = environment.get("MILLRACE_HTTP_TOKENS", "")
    tokens = read_tokens(listed, "http.tokens_file", http.tokens_file, faults)
    if faults:
        raise ConfigError(faults)
    return HttpAccess(http, ServerAddress.parse(http.bind_address), frozenset(tokens))
