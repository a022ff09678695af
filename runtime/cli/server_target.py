"""The server on which `millrace run --server` runs a manifest."""

import os
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import CommandError

if TYPE_CHECKING:
    import ssl

    from ..client import RemoteRuntime
    from ..config import ServerAddress

TOKEN_VARIABLE: Final = "MILLRACE_TOKEN"  # noqa: S105 (the name of a variable)


@dataclass(frozen=True, slots=True)
class ServerTarget:
    """A server's address, and the credentials for it."""

    address: "ServerAddress"
    tls: "ssl.SSLContext | None"
    token: str | None = field(repr=False)

    @property
    def exposes_token(self) -> bool:
        """Whether the token would cross the network without encryption."""
        return self.token is not None and self.tls is None and not self.address.is_local

    def connect(self) -> "AbstractAsyncContextManager[RemoteRuntime]":
        """Connect to the server, for the duration of a block."""
        from ..client import connect

        return connect(str(self.address), token=self.token, tls=self.tls or False)

    async def check(self) -> None:
        """Check that the server can be used, before any file is read or overwritten.

        Raises:
            MillraceError: it cannot be reached, refuses the token, or has another version.
        """
        from ..errors import VersionMismatchError

        async with self.connect() as runtime:
            version = await runtime.version()
            if not version.compatible:
                raise VersionMismatchError(f"{self.address}: {version.compatibility_message}")


def server_target(
    server: str | None, *, tls: bool, ca: Path | None, certificate: Path | None
) -> ServerTarget | None:
    """Return the server that the options name, or None.

    Raises:
        CallerError: an option needs --server, or a file or the address cannot be used.
    """
    if server is None:
        if tls or ca or certificate:
            raise CommandError("--tls, --ca and --certificate need --server")
        return None
    from ..client import client_tls

    address = parsed_address("--server", server)
    uses_tls = tls or ca is not None or certificate is not None
    context = client_tls(ca, certificate=certificate) if uses_tls else None
    return ServerTarget(address, context, os.environ.get(TOKEN_VARIABLE) or None)


def live_server(
    server: str | None, *, tls: bool, ca: Path | None, certificate: Path | None
) -> ServerTarget:
    """Return the running server that a command works on; the default address if none is given.

    Raises:
        CallerError: a file or the address cannot be used.
    """
    from ..config import DEFAULT_ADDRESS

    target = server_target(server or DEFAULT_ADDRESS, tls=tls, ca=ca, certificate=certificate)
    assert target is not None
    return target


def parsed_address(option: str, text: str) -> "ServerAddress":
    """Return the address that an option gives.

    Raises:
        CommandError: it is not of the form host:port.
    """
    from ..config import ServerAddress
    from ..errors import ConfigError

    try:
        return ServerAddress.parse(text)
    except ConfigError as error:
        raise CommandError(f"{option}: {error}") from error
