"""Attaching to a session of a running server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from ...client import RemoteAttach
from ...wire import ControlAddress, ControlDirection, ControlErrorCode, ControlEvent
from ..errors import CommandError
from ..server_target import ServerTarget
from .sessions import resolved

# The contract's clients give up so late, too.
_ATTACH_SECONDS = 5.0


@asynccontextmanager
async def attached(server: ServerTarget, session: str) -> AsyncIterator[RemoteAttach]:
    """Attach to a session, for as long as the block lasts.

    Raises:
        MillraceError: there is no such session, or no right to it.
        CommandError: the server does not answer.
    """
    async with server.connect() as runtime:
        session_id = await resolved(runtime, session)
        async with runtime.attach(session_id) as attach:
            with trio.move_on_after(_ATTACH_SECONDS) as waiting:
                event = await attach.receive()
            if waiting.cancelled_caught or event is None or event.attached is None:
                raise CommandError(f"session {session_id}: the server does not attach to it")
            yield attach


def address_of(node: str, direction: ControlDirection) -> ControlAddress:
    """Return the address that the command line names, as in "vad" or "vad.out".

    Raises:
        CommandError: it is not of that form.
    """
    name, _, side = node.partition(".")
    expected = "out" if direction is ControlDirection.OUT else "in"
    side, _, port = side.partition(".")
    if side not in ("", expected):
        raise CommandError(f"{node}: expected {name} or {name}.{expected}")
    return ControlAddress(node_id=name, port=port, direction=direction)


def raise_error(event: ControlEvent) -> None:
    """Raise what an event reports.

    Raises:
        CommandError: the event is an error.
    """
    if event.error is not None and event.error.code is not ControlErrorCode.UNSPECIFIED:
        raise CommandError(event.error.message)
