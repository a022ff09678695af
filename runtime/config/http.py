"""The settings of [http], and the tokens for it."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, Field

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


_PORTS_FORM = 'two UDP ports from 1024 to 65535 such as "40000-40099"'
_IP_FORM = "an IPv4 or IPv6 address"


def _ports(text: str) -> str:
    found = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", text)
    if found is None or not 1024 <= int(found[1]) <= int(found[2]) < 2**16:
        raise ValueError(f"must be {_PORTS_FORM}")
    return text


def _ip_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"must be {_IP_FORM}") from None


Ports = Annotated[str, Field(json_schema_extra={ACCEPTED: _PORTS_FORM}), AfterValidator(_ports)]
IpAddress = Annotated[
    str, Field(json_schema_extra={ACCEPTED: _IP_FORM}), AfterValidator(_ip_address)
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
    talk_webrtc: bool = setting(
        False,
        "let pages of /talk/ send and receive audio over WebRTC (extra `webrtc`)",
        variable="MILLRACE_HTTP_TALK_WEBRTC",
        detail="Each such conversation opens a UDP socket. A page chooses between it and the "
        "WebSocket.",
    )
    talk_webrtc_ports: Ports | None = setting(
        None,
        "UDP ports for WebRTC, one per conversation; not set: any free port",
        example="40000-40099",
    )
    talk_webrtc_address: IpAddress | None = setting(
        None,
        "IP address at which browsers reach those ports; not set: the one that they have opened "
        "the WebSocket at",
        detail="Set it behind a proxy, or behind a NAT that forwards the ports. The sockets are "
        "then bound to all addresses of this machine.",
        example="203.0.113.7",
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

    @property
    def webrtc_ports(self) -> range | None:
        """The UDP ports for WebRTC; None for any."""
        if self.talk_webrtc_ports is None:
            return None
        first, _, last = self.talk_webrtc_ports.partition("-")
        return range(int(first), int(last) + 1)


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
