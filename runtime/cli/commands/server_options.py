"""`--server`, and the options for reaching it."""

from pathlib import Path
from typing import Annotated

import typer

from ..server_target import TOKEN_VARIABLE

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="HOST:PORT",
        help="Run the manifest on a server. The environment variable "
        f"{TOKEN_VARIABLE} holds the bearer token.",
        show_default=False,
    ),
]
TlsOption = Annotated[bool, typer.Option("--tls", help="Connect to the server with TLS.")]
CaOption = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        metavar="FILE",
        help="PEM file with the CA that signed the server's certificate; implies --tls.",
        show_default=False,
    ),
]
CertificateOption = Annotated[
    Path | None,
    typer.Option(
        "--certificate",
        metavar="FILE",
        help="PEM file with the client's certificate and key, for mTLS; implies --tls.",
        show_default=False,
    ),
]
