"""Publishing items into a session, and setting the states of its nodes."""

from collections.abc import Iterator

import trio

from actors import Data

from ...client import RemoteAttach
from ...media import open_source
from ...wire import (
    EMPTY_FRAME_MESSAGE,
    ClearNodeState,
    ControlDirection,
    ControlFrame,
    NodeState,
    Publish,
    SetNodeState,
)
from ...wire.conversion import buffer_of
from ..errors import CommandError
from ..server_target import ServerTarget
from .attaching import address_of, attached, raise_error


async def publish_file(server: ServerTarget, session: str, node: str, path: str) -> int:
    """Publish the items of a file into a node; return how many.

    Raises:
        MillraceError: the file cannot be read, or the node does not take an item.
    """
    address = address_of(node, ControlDirection.IN)
    source = open_source(path)
    items, count = iter(source), 0
    try:
        async with attached(server, session) as attach:
            while (data := await trio.to_thread.run_sync(_next, items)) is not None:
                frame = ControlFrame(publish=Publish(addr=address, data=buffer_of(data)))
                await attach.send(frame)
                count += 1
            await _end(attach)
    finally:
        source.close()
    return count


async def set_state(server: ServerTarget, session: str, node: str, state: NodeState) -> None:
    """Enable, bypass or disable a node.

    Raises:
        MillraceError: there is no such session or node.
    """
    if state is NodeState.ENABLED:
        frame = ControlFrame(clear_node_state=ClearNodeState(node_id=node))
    else:
        frame = ControlFrame(set_node_state=SetNodeState(node_id=node, state=state))
    async with attached(server, session) as attach:
        await attach.send(frame)
        await _end(attach)


def _next(items: Iterator[Data]) -> Data | None:
    return next(items, None)


async def _end(attach: RemoteAttach) -> None:
    """Wait until the server has carried out every frame.

    Frames are carried out in order, so the answer to a last one, which is wrong on purpose, follows
    the errors of all before it.

    Raises:
        CommandError: a frame before it was refused.
    """
    await attach.send(ControlFrame())
    while (event := await attach.receive()) is not None:
        if event.error is not None and event.error.message == EMPTY_FRAME_MESSAGE:
            return
        if event.session_closed is not None:
            raise CommandError("the session has ended")
        raise_error(event)
