"""Opening a link: who may, for which link, and with which clock.

Each side proves that it knows the session's secret, without sending it: the listener sends a
number, the dialling side answers with the name of the link and a code over both numbers and the
name, and gets a code back. What follows is protected only by TLS, if the listener has a
certificate.
"""

import hashlib
import hmac
import secrets
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, NoReturn

import trio

from ...errors import UnwrappedErrors
from ..stream_bytes import receive_exactly, send_all
from .tls import TlsSocket

OPENING_SECONDS: Final = 5.0
"""How long a handshake may take."""

_LEAST_SECRET_BYTES: Final = 16
_MAGIC: Final = b"millrace-link/1\n"
_NONCE_BYTES: Final = 32
_CODE_BYTES: Final = 32
_MOST_NAME_BYTES: Final = 2048
_DIAL: Final = struct.Struct(f"<{len(_MAGIC)}s{_NONCE_BYTES}s{_CODE_BYTES}sH")
_ANSWER: Final = struct.Struct(f"<{_CODE_BYTES}sQ")
# Connections that have not proved anything yet.
_MOST_OPENING: Final = 64

Address = tuple[str, int]


class LinkRefusedError(Exception):
    """A link could not be opened: nobody listens, or the other side cannot prove who it is."""


@dataclass(frozen=True, slots=True)
class LinkSecret:
    """What both ends of a session's links know, and nobody else.

    Attributes:
        key: at least 16 random bytes. It is never sent or shown.
    """

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Check its length.

        Raises:
            ValueError: it is too short.
        """
        if len(self.key) < _LEAST_SECRET_BYTES:
            raise ValueError(
                f"the secret of links has {len(self.key)} bytes; at least 16 are needed"
            )

    @classmethod
    def new(cls) -> "LinkSecret":
        """Return a random one, of 256 bits."""
        return cls(secrets.token_bytes(32))

    def code(self, role: bytes, *parts: bytes) -> bytes:
        """Return what proves the knowledge of the secret, for numbers that are used once."""
        return hmac.digest(self.key, b"\0".join((role, *parts)), hashlib.sha256)


@dataclass(frozen=True, slots=True)
class DialledLink:
    """A connection that was opened from here.

    Attributes:
        sock: non-blocking; whoever has it closes it.
        offset_ns: what is to be added to the other machine's monotonic clock to get this one's. 0
            if both may be the same clock.
    """

    sock: socket.socket
    offset_ns: int


@dataclass(frozen=True, slots=True)
class AcceptedLink:
    """A connection that was opened from elsewhere.

    Attributes:
        name: of the link, as the other side gave it.
        sock: non-blocking; whoever has it closes it.
    """

    name: str
    sock: socket.socket


def tune(sock: socket.socket) -> None:
    """Send at once, and notice a machine that is out of reach while nothing is sent.

    Not `TCP_USER_TIMEOUT`, which also ends a connection whose reader has no room for so long, as
    one that is slow has none. Signs of life have it: see `pulse`.
    """
    sock.setblocking(False)
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


async def dial(
    address: Address, secret: LinkSecret, name: str, *, tls: ssl.SSLContext | None = None
) -> DialledLink:
    """Open a link to a listener.

    Args:
        address: of the listener.
        secret: of the session.
        name: of the link, which the listener gets.
        tls: how to check the listener's certificate; None: without TLS.

    Raises:
        LinkRefusedError: nobody listens there, or not with this secret, or it takes too long.
    """
    where = f"{address[0]}:{address[1]}"
    try:
        with trio.fail_after(OPENING_SECONDS):
            stream = await trio.open_tcp_stream(*address)
            return await _dial(stream.socket, secret, name, tls, address[0])
    except trio.TooSlowError:
        raise LinkRefusedError(f"{where} has not answered within {OPENING_SECONDS:g} s") from None
    except (OSError, EOFError) as error:
        reason = str(error) or "it closed the connection, as it does if the secrets differ"
        raise LinkRefusedError(f"{where}: {reason}") from error


async def _dial(
    opened: trio.socket.SocketType,
    secret: LinkSecret,
    name: str,
    tls: ssl.SSLContext | None,
    host: str,
) -> DialledLink:
    sock = _plain(opened)
    try:
        if tls is not None:
            sock = await _with_tls(sock, tls, host)
        theirs = await receive_exactly(sock, _NONCE_BYTES)
        ours, text = secrets.token_bytes(_NONCE_BYTES), name.encode()
        code = secret.code(b"dial", theirs, ours, text)
        began = time.monotonic_ns()
        await send_all(sock, _DIAL.pack(_MAGIC, ours, code, len(text)) + text)
        answer, clock = _ANSWER.unpack(await receive_exactly(sock, _ANSWER.size))
        ended = time.monotonic_ns()
        if not hmac.compare_digest(answer, secret.code(b"accept", ours, theirs, _packed(clock))):
            raise LinkRefusedError(f"{host} does not know the secret of the session")
        offset = (began + ended) // 2 - clock
        return DialledLink(sock, 0 if abs(offset) <= ended - began else offset)
    except BaseException:
        sock.close()
        raise


class LinkListener:
    """Accepts the links of one session.

    Attributes:
        address: where it listens.
        refused: connections that did not prove that they know the secret.
    """

    def __init__(self, secret: LinkSecret, tls: ssl.SSLContext | None, address: Address) -> None:
        self.address = address
        self.refused = 0
        self._secret = secret
        self._tls = tls
        self._into, self._accepted = trio.open_memory_channel[AcceptedLink](_MOST_OPENING)
        self._opening = 0

    async def accept(self) -> AcceptedLink:
        """Return the next link that was opened."""
        return await self._accepted.receive()

    async def run(self, listener: trio.SocketListener) -> NoReturn:
        """Accept connections, until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                stream = await listener.accept()
                if self._opening >= _MOST_OPENING:
                    self.refused += 1
                    stream.socket.close()
                    continue
                self._opening += 1
                nursery.start_soon(self._open, _plain(stream.socket))

    async def _open(self, sock: socket.socket) -> None:
        try:
            with trio.move_on_after(OPENING_SECONDS):
                if self._tls is not None:
                    sock = await _with_tls(sock, self._tls, None)
                link = AcceptedLink(await self._check(sock), sock)
                await self._into.send(link)
                return
            sock.close()
            self.refused += 1
        except (OSError, EOFError, ValueError, struct.error):
            sock.close()
            self.refused += 1
        except BaseException:
            sock.close()
            raise
        finally:
            self._opening -= 1

    async def _check(self, sock: socket.socket) -> str:
        """Return the name of the link that the other side opens.

        Raises:
            ValueError: it does not know the secret.
        """
        ours = secrets.token_bytes(_NONCE_BYTES)
        await send_all(sock, ours)
        magic, theirs, code, length = _DIAL.unpack(await receive_exactly(sock, _DIAL.size))
        if magic != _MAGIC or length > _MOST_NAME_BYTES:
            raise ValueError("this is no link")
        text = await receive_exactly(sock, length)
        if not hmac.compare_digest(code, self._secret.code(b"dial", ours, theirs, text)):
            raise ValueError("it does not know the secret")
        clock = time.monotonic_ns()
        proof = self._secret.code(b"accept", theirs, ours, _packed(clock))
        await send_all(sock, _ANSWER.pack(proof, clock))
        return text.decode()

    def close(self) -> None:
        """Close the links that nobody has taken."""
        with suppress(trio.WouldBlock, trio.EndOfChannel):
            while True:
                self._accepted.receive_nowait().sock.close()


@asynccontextmanager
async def open_link_listener(
    host: str,
    secret: LinkSecret,
    *,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    listening: socket.socket | None = None,
) -> AsyncIterator[LinkListener]:
    """Listen for links as long as the block lasts.

    Args:
        host: the address of an interface of this machine.
        secret: of the session.
        port: 0 takes any free one.
        tls: with the listener's certificate; None: without TLS.
        listening: a socket that listens already, which this takes over; then `host` and `port` have
            no meaning.

    Raises:
        OSError: the address cannot be used.
    """
    if listening is not None:
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
    else:
        listener, *others = await trio.open_tcp_listeners(port, host=host)
        for other in others:
            await other.aclose()
    try:
        name, bound = listener.socket.getsockname()[:2]
        links = LinkListener(secret, tls, (name, bound))
        with UnwrappedErrors():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(links.run, listener)
                try:
                    yield links
                finally:
                    nursery.cancel_scope.cancel()
                    links.close()
    finally:
        listener.socket.close()


def _plain(sock: trio.socket.SocketType) -> socket.socket:
    """Return a socket as links use it, which trio no longer knows."""
    plain = socket.socket(sock.family, sock.type, sock.proto, sock.detach())
    try:
        tune(plain)
    except BaseException:
        plain.close()
        raise
    return plain


async def _with_tls(
    sock: socket.socket, context: ssl.SSLContext, host: str | None
) -> socket.socket:
    context.sslsocket_class = TlsSocket
    wrapped = context.wrap_socket(
        sock, server_side=host is None, server_hostname=host, do_handshake_on_connect=False
    )
    try:
        while True:
            try:
                wrapped.do_handshake()
            except ssl.SSLWantReadError:
                await trio.lowlevel.wait_readable(wrapped)
            except ssl.SSLWantWriteError:
                await trio.lowlevel.wait_writable(wrapped)
            else:
                return wrapped
    except BaseException:
        wrapped.close()
        raise


def _packed(clock: int) -> bytes:
    return clock.to_bytes(8, "little")
