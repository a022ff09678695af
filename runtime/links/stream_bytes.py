"""Bytes of a non-blocking stream socket, under trio."""

import socket

import trio


async def send_all(sock: socket.socket, data: bytes) -> None:
    """Send bytes.

    Raises:
        OSError: the other side is gone.
    """
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[sock.send(rest) :]
        except BlockingIOError:
            await trio.lowlevel.wait_writable(sock)


async def receive_exactly(sock: socket.socket, count: int) -> bytes:
    """Return exactly so many bytes, and read no more.

    Raises:
        EOFError: the other side closed the connection before.
        OSError: the other side is gone.
    """
    received = bytearray()
    while len(received) < count:
        try:
            data = sock.recv(count - len(received))
        except BlockingIOError:
            await trio.lowlevel.wait_readable(sock)
            continue
        if not data:
            raise EOFError
        received += data
    return bytes(received)
