"""Signs of life of a process behind a socket.

The kernel of a machine answers for a process that is stopped, so TCP alone does not find out.
"""

import math
import select
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn

import trio

from ..errors import PeerFaultError, PeerGoneError

BEAT_SECONDS: Final = 0.5
"""How often a process gives a sign of life."""

SILENCE_SECONDS: Final = 2.75
"""After so long without one, the process counts as gone: told within 3.5 s, with some to spare."""

LOST_SECONDS: Final = 3.0
"""Without an answer of the server's kernel for so long, its machine is out of reach."""

# How long the running call of the node has lasted, in seconds; 0 if none is running.
_BEAT: Final = struct.Struct("<d")
_READ_BYTES: Final = 512 * _BEAT.size


class PulseEndedError(PeerGoneError):
    """A process has closed its connection for signs of life: it has ended, or ends."""


def _never() -> float:
    return 0.0


def _ignore(_seconds: float) -> None:
    pass


def beat(sock: socket.socket, running_seconds: Callable[[], float] = _never) -> None:
    """Give signs of life until the other side closes the connection. Run it in a thread.

    Args:
        sock: whoever calls this closes it. To end it from here, shut the socket down.
        running_seconds: returns how long the running call of the node has lasted.

    A thread needs Python's global lock for it. A call that holds the lock for `SILENCE_SECONDS`,
    in C code that does not let it go, looks like a process that is stopped; an executor whose
    nodes do that runs this in a process of its own, which it starts beside the node.
    """
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * LOST_SECONDS))
    closed = select.poll()
    closed.register(sock, select.POLLIN)
    with suppress(OSError):
        _send_beat(sock, running_seconds)
        while not closed.poll(round(1000 * BEAT_SECONDS)):
            _send_beat(sock, running_seconds)


def _send_beat(sock: socket.socket, running_seconds: Callable[[], float]) -> None:
    with suppress(BlockingIOError):  # the other side is slow, and has many to read
        sock.send(_BEAT.pack(running_seconds()))


async def watch_pulse(
    sock: socket.socket, node_id: str, on_running: Callable[[float], None] = _ignore
) -> NoReturn:
    """Return never, as long as signs of life come.

    Args:
        sock: non-blocking; the caller closes it.
        node_id: of the node at the other end.
        on_running: is called with how long the running call of the node has lasted, in seconds.

    Raises:
        PulseEndedError: the process has closed the connection.
        PeerGoneError: none came for `SILENCE_SECONDS`, or the connection is lost.
        PeerFaultError: something else came.
    """
    received = b""
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
            raise PulseEndedError(node_id, "closed its connection")
        received += data
        whole = len(received) // _BEAT.size * _BEAT.size
        for (seconds,) in _BEAT.iter_unpack(received[:whole]):
            if not 0 <= seconds < math.inf:
                raise PeerFaultError(node_id, "sent what is no sign of life")
            on_running(seconds)
        received = received[whole:]
