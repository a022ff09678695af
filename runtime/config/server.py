"""The settings of [server], and who may call: tokens and the address to listen on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from ..documents import ACCEPTED
from ..errors import ConfigError, Fault
from .overrides import with_environment
from .replicas import ReplicaId
from .section import Section, Text
from .setting import named_values, setting
from .tokens import read_keys, read_tokens

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
MOST_WORKERS: Final = 64
"""The most server processes of one server."""
_ADDRESS: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+):([0-9]{1,5})")
_ADDRESS_FORM: Final = '"host:port" such as "0.0.0.0:50051"'


def _address(text: str) -> str:
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found[2]) > 65535:
        raise ValueError(f"expected {_ADDRESS_FORM}")
    return text


Address = Annotated[
    str, Field(json_schema_extra={ACCEPTED: _ADDRESS_FORM}), AfterValidator(_address)
]


class Server(Section):
    """How clients reach the gRPC server, and which of them may call."""

    bind_address: Address = setting(
        DEFAULT_ADDRESS,
        "address to listen on; port 0 takes any free port",
        variable="GRPC_BIND_ADDRESS",
    )
    auth_tokens_file: Text | None = setting(
        None,
        "file of bearer tokens, one per line; not set: no tokens from a file",
        detail="`NAME: TOKEN` gives a token a name for the log. Tokens of the variable "
        "GRPC_AUTH_TOKENS, separated by commas, are accepted too.",
        example="/etc/millrace/tokens",
    )
    admin_tokens_file: Text | None = setting(
        None,
        "file of the operator's own bearer tokens, one per line; not set: operations are off",
        detail="They list, watch and end sessions of all clients (millrace sessions, record, "
        "kill), and attach to them. Tokens of the variable MILLRACE_ADMIN_TOKENS, separated by "
        "commas, are accepted too.",
        example="/etc/millrace/admin-tokens",
    )
    require_auth: bool | None = setting(
        None,
        "refuse calls without a token; not set: only if there are tokens",
        example="true",
        variable="GRPC_REQUIRE_AUTH",
    )
    tls_certificate: Text | None = setting(
        None,
        "PEM file of the server's certificate and its chain; not set: no TLS",
        example="/etc/millrace/server.pem",
    )
    tls_key: Text | None = setting(
        None, "PEM file of the certificate's private key", example="/etc/millrace/server.key"
    )
    tls_client_ca: Text | None = setting(
        None,
        "PEM file of the authorities that sign client certificates; not set: no mutual TLS",
        example="/etc/millrace/clients-ca.pem",
    )
    keepalive_secs: float = setting(
        60, "seconds without a byte from a client before it is sent a ping", ge=1, le=86400
    )
    keepalive_timeout_secs: float = setting(
        20, "seconds for a client to answer a ping", ge=0.1, le=3600
    )
    workers: int = setting(
        1,
        "server processes that share the port, the limits and the operations",
        ge=1,
        le=MOST_WORKERS,
        detail="Each runs on one core. A connection stays with one worker, so set "
        "max_connection_age_secs where few clients make many calls.",
    )
    worker_timeout_secs: float = setting(
        30,
        "seconds without an answer after which a worker is killed and started again; 0: never",
        ge=0,
        le=3600,
        detail="A native node that computes longer in one call needs a larger value, or a process "
        "of its own.",
    )
    max_connections: int = setting(
        1000,
        "HTTP/2 connections of all clients",
        ge=1,
        le=2**20,
        detail="Each takes a descriptor. Further ones are refused, and logged. Each worker takes "
        "its share.",
    )
    max_connections_per_peer: int = setting(
        500,
        "HTTP/2 connections of one IP address",
        ge=1,
        le=2**20,
        detail="All clients behind one proxy have its address.",
    )
    max_unauthenticated_connections: int = setting(
        100,
        "HTTP/2 connections that have made no accepted call yet; beyond it the oldest is closed, "
        "a second after it was opened",
        ge=1,
        le=2**20,
    )
    first_call_timeout_secs: float = setting(
        30,
        "seconds for a new HTTP/2 connection to make its first accepted call",
        ge=0.1,
        le=86400,
        detail="A call without a valid token is not accepted, where tokens are required.",
    )
    lame_duck_secs: float = setting(
        0,
        "seconds for which a server that shuts down still accepts calls",
        ge=0,
        le=3600,
        detail="Health reports NOT_SERVING meanwhile, so that balancers send new calls elsewhere. "
        "Set it to the interval of their health checks, and a second.",
    )
    drain_timeout_secs: float = setting(
        30,
        "seconds for sessions to end when the server shuts down; 0: until they end",
        ge=0,
        le=86400,
        detail="They begin after lame_duck_secs. Then streams take no more input, send the results "
        "of what they have taken, and end.",
    )
    flush_timeout_secs: float = setting(
        2,
        "seconds for streams to send the results of what they have taken, after the drain",
        ge=0,
        le=3600,
        detail="What still runs then is cancelled. Set it to the time that your slowest node takes "
        "for what waits at it.",
    )
    max_connection_age_secs: float = setting(
        0,
        "seconds after which a client is asked to use another connection; 0: never",
        ge=0,
        le=2**31 - 1,
        detail="Calls that run go on. With several servers behind a balancer, clients spread to "
        "those that were added. Connections of one moment end within a tenth of it.",
    )
    health_when_full: Literal["serving", "not_serving"] = setting(
        "serving",
        "what health reports while limits.max_sessions or max_total_processes is reached",
        detail='With "not_serving", balancers that check health send new calls elsewhere. A full '
        "server refuses them with RESOURCE_EXHAUSTED anyway.",
    )
    replica_id: ReplicaId | None = setting(
        None,
        "name of this server among its replicas; not set: one at random",
        detail="The ids of sessions begin with it, so that the replica that has a session can be "
        "found.",
        example="replica-1",
        variable="MILLRACE_REPLICA_ID",
    )
    replicas: Mapping[ReplicaId, Address] = named_values(
        "addresses of the other replicas",
        example='replica-2 = "10.0.0.2:50051"',
        detail="A client that looks for a session at the wrong one is told where it is.",
    )
    load_reports: bool = setting(
        False,
        "report the load to clients and balancers (ORCA)",
        detail="In the trailers of every stream and execution, and by xds.service.orca.v3."
        "OpenRcaService, which needs no token.",
    )
    state_key_file: Text | None = setting(
        None,
        "file of secret keys for streams that move with their state; not set: they do not",
        detail="One per line, of 32 characters or more, such as `openssl rand -hex 32` makes, the "
        "same for all servers. The first one signs, all are accepted.",
        example="/etc/millrace/state-keys",
    )
    expose_tracebacks: bool = setting(True, "send clients the traceback of a failing node")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A TCP address."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "ServerAddress":
        """Read "host:port"; an IPv6 address is in brackets.

        Raises:
            ConfigError: the text is not of that form.
        """
        try:
            host, _, port = _address(text).rpartition(":")
        except ValueError as error:
            raise ConfigError([Fault("", f"got {text!r}; {error}")]) from error
        return cls(host.strip("[]"), int(port))

    def __str__(self) -> str:
        """Return "host:port"."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """The address to listen on, and who may call.

    Attributes:
        tokens: bearer tokens that are accepted. They are never shown.
        require_auth: whether a call needs one.
        admin_tokens: the operator's own; without any, operations are off. They are never shown.
        token_names: the operator's labels, by token, of those that have one.
        state_keys: for states of sessions that move. They are never shown.
        replica_id: of the server; None for one at random.
    """

    address: ServerAddress
    require_auth: bool
    tokens: frozenset[str] = field(repr=False)
    admin_tokens: frozenset[str] = field(default=frozenset(), repr=False)
    token_names: Mapping[str, str] = field(default_factory=dict, repr=False)
    state_keys: tuple[bytes, ...] = field(default=(), repr=False)
    replica_id: str | None = None


def server_access(server: Server, environment: Mapping[str, str]) -> ServerAccess:
    """Return the address to listen on, and who may call.

    GRPC_BIND_ADDRESS, GRPC_REQUIRE_AUTH and MILLRACE_REPLICA_ID of the environment override
    runtime.toml. The tokens of GRPC_AUTH_TOKENS, separated by commas, are added to those of the
    file, and those of MILLRACE_ADMIN_TOKENS to the admin tokens.

    Raises:
        ConfigError: a value is not valid, a file of tokens or keys cannot be read, or tokens are
            required and there are none.
    """
    faults: list[Fault] = []
    try:
        server = with_environment(server, environment)
    except ConfigError as error:
        faults += error.faults
    tokens = read_tokens(
        environment.get("GRPC_AUTH_TOKENS", ""),
        "server.auth_tokens_file",
        server.auth_tokens_file,
        faults,
    )
    admin_tokens = read_tokens(
        environment.get("MILLRACE_ADMIN_TOKENS", ""),
        "server.admin_tokens_file",
        server.admin_tokens_file,
        faults,
    )
    required = bool(tokens) if server.require_auth is None else server.require_auth
    if required and not tokens:
        faults.append(
            Fault(
                server.origin("require_auth").name or "server.require_auth",
                "tokens are required, but there are none; set GRPC_AUTH_TOKENS or "
                "server.auth_tokens_file",
            )
        )
    state_keys = read_keys("server.state_key_file", server.state_key_file, faults)
    if faults:
        raise ConfigError(faults)
    address = ServerAddress.parse(server.bind_address)
    names = {token: name for token, name in (tokens | admin_tokens).items() if name}
    return ServerAccess(
        address,
        required,
        frozenset(tokens),
        frozenset(admin_tokens),
        names,
        state_keys,
        server.replica_id,
    )
