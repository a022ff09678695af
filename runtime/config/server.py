"""The keys of [server] in runtime.toml, and the environment variables beside them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from ..documents import ACCEPTED
from ..errors import ConfigError, Fault
from ..wire import TOKEN_RULE, is_token
from .section import Section, Text

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
_ADDRESS: Final = r"^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+):[0-9]{1,5}$"
_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"0", "false", "no", "off"})

Address = Annotated[
    str,
    Field(pattern=_ADDRESS, json_schema_extra={ACCEPTED: '"host:port" such as "0.0.0.0:50051"'}),
]


class Server(Section):
    """How the gRPC server is reached, and by whom."""

    bind_address: Address = Field(
        default=DEFAULT_ADDRESS, description="where to listen; port 0 takes any free one"
    )
    auth_tokens_file: Text | None = Field(
        default=None, description="a file of bearer tokens, one a line; none: no tokens from a file"
    )
    require_auth: bool | None = Field(
        default=None, description="refuse calls without a token; not set: if there are tokens"
    )
    tls_certificate: Text | None = Field(
        default=None, description="PEM file of the server's certificate and its chain; none: no TLS"
    )
    tls_key: Text | None = Field(default=None, description="PEM file of the certificate's key")
    tls_client_ca: Text | None = Field(
        default=None, description="PEM file of who may sign clients' certificates; none: no mTLS"
    )
    keepalive_secs: float = Field(
        default=60, ge=1, le=86400, description="ask a silent client after so long if it is there"
    )
    keepalive_timeout_secs: float = Field(
        default=20, ge=0.1, le=3600, description="seconds that it has to answer"
    )
    drain_timeout_secs: float = Field(
        default=30, ge=0, le=86400, description="seconds that sessions have to end at a shutdown"
    )
    expose_tracebacks: bool = Field(
        default=True, description="tell clients the traceback of a node that failed"
    )


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where to listen."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "ServerAddress":
        """Read "host:port"; an IPv6 host stands in brackets.

        Raises:
            ConfigError: it is not of that form.
        """
        host, _, port = text.rpartition(":")
        if not re.fullmatch(_ADDRESS, text) or int(port) > 65535:
            raise ConfigError(
                [Fault("", f'got {text!r}; expected "host:port" such as "{DEFAULT_ADDRESS}"')]
            )
        return cls(host.strip("[]"), int(port))

    def __str__(self) -> str:
        """Return it as it is written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """Who may call: what runtime.toml and the environment say together.

    Attributes:
        tokens: bearer tokens that are accepted. Never shown.
        require_auth: whether a call needs one.
    """

    address: ServerAddress
    require_auth: bool
    tokens: frozenset[str] = field(repr=False)


def server_access(server: Server, environment: Mapping[str, str]) -> ServerAccess:
    """Return who may call, and where.

    The environment goes before runtime.toml: GRPC_BIND_ADDRESS, GRPC_AUTH_TOKENS (separated by
    commas; beside those of the file) and GRPC_REQUIRE_AUTH.

    Raises:
        ConfigError: a value is not of its form, the file of tokens cannot be read, or tokens are
            required and there are none.
    """
    faults: list[Fault] = []
    said = environment.get("GRPC_BIND_ADDRESS") or server.bind_address
    address = ServerAddress.parse(DEFAULT_ADDRESS)
    try:
        address = ServerAddress.parse(said)
    except ConfigError as error:
        name = "GRPC_BIND_ADDRESS" if environment.get("GRPC_BIND_ADDRESS") else "bind_address"
        faults += [Fault(name, fault.message) for fault in error.faults]
    tokens = {each.strip() for each in environment.get("GRPC_AUTH_TOKENS", "").split(",")}
    if server.auth_tokens_file is not None:
        tokens |= _tokens_of_file(server.auth_tokens_file, faults)
    tokens.discard("")
    if not all(map(is_token, tokens)):
        faults.append(Fault("auth tokens", TOKEN_RULE))
    required = _require_auth(server, environment, faults, has_tokens=bool(tokens))
    if required and not tokens:
        faults.append(
            Fault(
                "require_auth",
                "tokens are required, but there are none; set GRPC_AUTH_TOKENS or "
                "server.auth_tokens_file",
            )
        )
    if faults:
        raise ConfigError(faults)
    return ServerAccess(address, required, frozenset(tokens))


def _require_auth(
    server: Server, environment: Mapping[str, str], faults: list[Fault], *, has_tokens: bool
) -> bool:
    said = environment.get("GRPC_REQUIRE_AUTH", "").strip().lower()
    if said in _YES:
        return True
    if said in _NO:
        return False
    if said:
        faults.append(Fault("GRPC_REQUIRE_AUTH", f"got {said!r}; expected true or false"))
    return has_tokens if server.require_auth is None else server.require_auth


def _tokens_of_file(name: str, faults: list[Fault]) -> set[str]:
    try:
        lines = Path(name).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        faults.append(Fault(f"server.auth_tokens_file {name}", f"cannot be read: {reason}"))
        return set()
    return {line.strip() for line in lines if not line.lstrip().startswith("#")}
