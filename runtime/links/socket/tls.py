"""TLS on the sockets of links."""

import socket
import ssl
from collections.abc import Iterable
from typing import Any


class TlsSocket(ssl.SSLSocket):
    """A socket that raises BlockingIOError where others do, so that links need not tell them apart.

    Make it with a context whose `sslsocket_class` this is.
    """

    def send(self, data: Any, flags: int = 0) -> int:
        """Send what can be sent now."""
        try:
            return super().send(data, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            raise BlockingIOError from error

    def sendmsg(  # type: ignore[override]  # an SSLSocket has none
        self, buffers: Iterable[Any], *_: Any
    ) -> int:
        """Send what can be sent now, as one record."""
        return self.send(b"".join(buffers))

    def recv(self, size: int = 1024, flags: int = 0) -> bytes:
        """Return what is here."""
        try:
            return super().recv(size, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            raise BlockingIOError from error

    def recv_into(self, buffer: Any, size: int | None = None, flags: int = 0) -> int:
        """Read what is here."""
        try:
            return super().recv_into(buffer, size, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            raise BlockingIOError from error


def without_tls(sock: socket.socket) -> socket.socket:
    """Return a socket that goes on without TLS from here; the given one cannot be used any more.

    Both sides do this after the opening of a link whose bytes are no secret, so that a process
    without the state of the encryption can go on with it.
    """
    if not isinstance(sock, TlsSocket):
        return sock
    plain = socket.socket(fileno=sock.detach())
    plain.setblocking(False)
    return plain
