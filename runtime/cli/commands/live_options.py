"""Options of the commands for a running server."""

from typing import Annotated

import typer

from ..server_target import TOKEN_VARIABLE

LiveServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="HOST:PORT",
        help="The server. Default: 127.0.0.1:50051. The environment variable "
        f"{TOKEN_VARIABLE} holds the bearer token.",
        show_default=False,
    ),
]
SessionArgument = Annotated[
    str,
    typer.Argument(
        metavar="SESSION",
        help="The id of a session, or last for the one that was opened last.",
        show_default=False,
    ),
]
NodeArgument = Annotated[
    str, typer.Argument(metavar="NODE", help="The id of a node.", show_default=False)
]
