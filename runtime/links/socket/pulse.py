"""Signs of life of a process behind a socket.

The kernel of a machine answers for a process that is stopped, so TCP alone does not find out.
"""

import select
import socket
from contextlib import suppress
from typing import Final, NoReturn

import trio

from ..errors import PeerGoneError

BEAT_SECONDS: Final = 0.5
"""How often a process gives a sign of life."""

SILENCE_SECONDS: Final = 2.75
"""After so long without one, the process counts as gone: told within 3.5 s, with some to spare."""

_BEAT: Final = b"."
_READ_BYTES: Final = 4096


def beat(sock: socket.socket) -> None:
    """Give signs of life until the other side closes the connection. Run it in a thread.

    A thread needs Python's global lock for it. A call that holds the lock for `SILENCE_SECONDS`,
    in C code that does not let it go, looks like a process that is stopped; an executor whose
    nodes do that runs this in a process of its own, which it starts beside the node.
    """
    closed = select.poll()
    closed.register(sock, select.POLLIN)
    with suppress(OSError):
        sock.send(_BEAT)
        while not closed.poll(round(1000 * BEAT_SECONDS)):
            sock.send(_BEAT)


async def watch_pulse(sock: socket.socket, node_id: str) -> NoReturn:
    """Return never, as long as signs of life come.

    Args:
        sock: non-blocking; the caller closes it.
        node_id: of the node at the other end.

    Raises:
        PeerGoneError: none came for `SILENCE_SECONDS`, or the connection is lost.
    """
    while True:
        with trio.move_on_after(SILENCE_SECONDS):
            await trio.lowlevel.wait_readable(sock)
        try:
            data = sock.recv(_READ_BYTES)  # also what came while this process had no turn
        except BlockingIOError:
            raise PeerGoneError(
                node_id,
                f"has given no sign of life for {SILENCE_SECONDS:g} s: its process or its machine "
                "is stopped",
            ) from None
        except OSError as error:
            raise PeerGoneError(node_id, f"is out of reach: {error.strerror or error}") from error
        if not data:
            raise PeerGoneError(node_id, "closed its connection")
