"""Other servers that run nodes, [executors.remote.hosts.NAME], and the secrets for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import ConfigError, Fault
from .section import Section, Text
from .server import Address
from .setting import setting
from .tokens import secret_of


class RemoteHost(Section):
    """Another server, and what this one shows it."""

    address: Address = setting(..., "its address, as manifests give it", example="gpu-1:50051")
    token_variable: Text | None = setting(
        None,
        "environment variable with the token for it; not set: none from a variable",
        detail="It is read when the server starts. Node processes do not inherit it. The token of "
        "a client is never handed on.",
        example="GPU_TOKEN",
    )
    token_file: Text | None = setting(
        None,
        "file whose first line is the token for it; not set: none from a file",
        example="/etc/millrace/gpu-token",
    )
    tls: bool = setting(False, "connect with TLS; tls_ca and tls_certificate imply it")
    tls_ca: Text | None = setting(
        None,
        "PEM file of the authorities that may sign its certificate; not set: those of the machine",
        example="/etc/millrace/gpu-ca.pem",
    )
    tls_certificate: Text | None = setting(
        None,
        "PEM file with the certificate that this server shows; not set: none",
        example="/etc/millrace/client.pem",
    )
    tls_key: Text | None = setting(
        None,
        "PEM file with its key; not set: it is in tls_certificate",
        example="/etc/millrace/client.key",
    )

    @property
    def uses_tls(self) -> bool:
        """Whether connections to it use TLS."""
        return self.tls or self.tls_ca is not None or self.tls_certificate is not None


@dataclass(frozen=True, slots=True)
class RemoteAccess:
    """How to reach another server.

    Attributes:
        host: the settings.
        token: None for none.
    """

    host: RemoteHost
    token: str | None = field(repr=False)


def remote_access(
    hosts: Mapping[str, RemoteHost], environment: Mapping[str, str]
) -> dict[str, RemoteAccess]:
    """Return how to reach each server, by the operator's names. The secrets are never shown.

    Raises:
        ConfigError: a token cannot be read or is not valid. The message does not hold it.
    """
    faults: list[Fault] = []
    found = {
        name: RemoteAccess(
            host, _token(f"executors.remote.hosts.{name}", host, environment, faults)
        )
        for name, host in hosts.items()
    }
    names: dict[str, str] = {}
    for name, host in hosts.items():
        first = names.setdefault(host.address, name)
        if first != name:
            place = f"executors.remote.hosts.{name}.address"
            faults.append(
                Fault(place, f"{host.address} is that of {first!r} too; keep one of them")
            )
    if faults:
        raise ConfigError(faults)
    return found


def _token(
    table: str, host: RemoteHost, environment: Mapping[str, str], faults: list[Fault]
) -> str | None:
    return secret_of(table, "token", host.token_variable, host.token_file, environment, faults)
