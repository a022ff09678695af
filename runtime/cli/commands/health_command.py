"""`millrace health`: whether a server accepts calls, for the health check of a container."""

from typing import TYPE_CHECKING, Annotated

import typer

from .server_options import CaOption, CertificateOption, TlsOption

if TYPE_CHECKING:
    from pathlib import Path


def health(
    server: Annotated[
        str,
        typer.Argument(metavar="[HOST:PORT]", help="The gRPC address of the server."),
    ] = "127.0.0.1:50051",
    service: Annotated[
        str,
        typer.Option(metavar="NAME", help="One service instead of the whole server."),
    ] = "",
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=3600, help="Time for the answer.")
    ] = 5.0,
    tls: TlsOption = False,
    ca: CaOption = None,
    certificate: CertificateOption = None,
) -> None:
    """Ask a server whether it accepts calls. This needs no token.

    Prints one line. Exit status: 0 it does; 1 it does not, or cannot be reached in time.
    """
    from functools import partial

    import trio

    from ...errors import printable

    check = partial(_check, server, service, timeout, tls=tls, ca=ca, certificate=certificate)
    is_serving, line = trio.run(check)
    typer.echo(printable(line))
    raise typer.Exit(0 if is_serving else 1)


async def _check(
    server: str,
    service: str,
    seconds: float,
    *,
    tls: bool,
    ca: "Path | None",
    certificate: "Path | None",
) -> tuple[bool, str]:
    """Return whether the server accepts calls, and the line that reports it."""
    import trio

    from ...client import ServingStatus
    from ...errors import MillraceError, sole_error
    from ..server_target import live_server, parsed_address

    try:
        parsed_address("HOST:PORT", server)
        target = live_server(server, tls=tls, ca=ca, certificate=certificate)
        with trio.fail_after(seconds):
            async with target.connect() as remote:
                status = await remote.health(service)
    except (MillraceError, trio.TooSlowError, BaseExceptionGroup) as failure:
        error = sole_error(failure) if isinstance(failure, BaseExceptionGroup) else failure
        if isinstance(error, trio.TooSlowError):
            return False, f"{server}: no answer in {seconds:g} s"
        if isinstance(error, MillraceError):
            return False, str(error)
        raise
    return status is ServingStatus.SERVING, f"{server}: {status.name}"
