"""`--server` and what belongs to it."""

import os
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from .failures import CommandError

if TYPE_CHECKING:
    import ssl

    from ..client import RemoteRuntime
    from ..config import ServerAddress

TOKEN_VARIABLE: Final = "MILLRACE_TOKEN"  # noqa: S105 (the name of a variable)

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="HOST:PORT",
        help=f"Run it on a server instead; a token comes from the environment, {TOKEN_VARIABLE}.",
        show_default=False,
    ),
]
TlsOption = Annotated[bool, typer.Option("--tls", help="Reach the server with TLS.")]
CaOption = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        metavar="FILE",
        help="PEM file of who signed the server's certificate; implies --tls.",
        show_default=False,
    ),
]
CertificateOption = Annotated[
    Path | None,
    typer.Option(
        "--certificate",
        metavar="FILE",
        help="PEM file of your own certificate and its key, for a server that wants one; implies "
        "--tls.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """A server, and how to reach it."""

    address: "ServerAddress"
    tls: "ssl.SSLContext | None"
    token: str | None = field(repr=False)

    @property
    def tells_the_token(self) -> bool:
        """Whether everybody on the way can read the token."""
        return self.token is not None and self.tls is None and not self.address.is_local

    def connect(self) -> "AbstractAsyncContextManager[RemoteRuntime]":
        """Connect to it, for as long as a block lasts."""
        from ..client import connect

        return connect(str(self.address), token=self.token, tls=self.tls or False)

    async def check(self) -> None:
        """Find out that it can be used, before anything is read or overwritten.

        Raises:
            MillraceError: it cannot be reached, does not let us in, or speaks another version.
        """
        from ..errors import VersionMismatchError

        async with self.connect() as runtime:
            version = await runtime.version()
            if not version.compatible:
                raise VersionMismatchError(f"{self.address}: {version.compatibility_message}")


def server_choice(
    server: str | None, *, tls: bool, ca: Path | None, certificate: Path | None
) -> ServerChoice | None:
    """Return the server that the options name, or None.

    Raises:
        CallerError: they do not fit together, or a file or the address cannot be used.
    """
    if server is None:
        if tls or ca or certificate:
            raise CommandError("--tls, --ca and --certificate say how to reach a --server")
        return None
    from ..client import client_tls
    from ..config import ServerAddress
    from ..errors import ConfigError

    try:
        address = ServerAddress.parse(server)
    except ConfigError as error:
        raise CommandError(f"--server: {error}") from error
    uses_tls = tls or ca is not None or certificate is not None
    context = client_tls(ca, certificate=certificate) if uses_tls else None
    return ServerChoice(address, context, os.environ.get(TOKEN_VARIABLE) or None)
