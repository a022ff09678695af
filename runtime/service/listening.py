"""Sockets that listen."""

import socket
from contextlib import ExitStack
from typing import Final

from ..config import ServerAddress
from ..errors import ConfigError, Fault

_BACKLOG: Final = 512


def shared_listening_sockets(address: ServerAddress, count: int) -> list[socket.socket]:
    """Return sockets that share an address: the kernel gives each new connection to one of them.

    SO_REUSEPORT alone would let a second server of this user share the address too. So a socket
    without it takes the address first: that fails while anybody listens there. The others are
    bound before it is closed, so no second server can come between.

    Raises:
        ConfigError: the server cannot listen at the address.
    """
    with ExitStack() as opened:
        with listening_socket(address) as claim:
            # Port 0 has become a real one. A socket may allow others beside it when it is bound.
            address = ServerAddress(address.host, claim.getsockname()[1])
            claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sockets = [
                opened.enter_context(listening_socket(address, is_shared=True))
                for _ in range(count)
            ]
        opened.pop_all()
    return sockets


def listening_socket(address: ServerAddress, *, is_shared: bool = False) -> socket.socket:
    """Return a socket that listens.

    Args:
        address: where it listens.
        is_shared: whether other sockets of this user may listen there too.

    Raises:
        ConfigError: the server cannot listen at the address.
    """
    bound = bound_socket(address, is_shared=is_shared)
    try:
        listen(bound, address)
    except ConfigError:
        bound.close()
        raise
    return bound


def bound_socket(address: ServerAddress, *, is_shared: bool = False) -> socket.socket:
    """Return a bound socket. An address in use is an error before anything is started.

    Connections to it are refused until it listens.

    Args:
        address: where it listens.
        is_shared: whether other sockets of this user may listen there too.

    Raises:
        ConfigError: the server cannot listen at the address.
    """
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, where = found[0]
        # asyncio turns Nagle's algorithm off only if the protocol is set. Otherwise every small
        # message would wait 40 ms for the client's delayed acknowledgement.
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _unusable(address, error) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(where)
    except OSError as error:
        listening.close()
        raise _unusable(address, error) from error
    return listening


def listen(bound: socket.socket, address: ServerAddress) -> None:
    """Let a bound socket listen.

    Raises:
        ConfigError: another one listens there since.
    """
    try:
        bound.listen(_BACKLOG)
    except OSError as error:
        raise _unusable(address, error) from error


def _unusable(address: ServerAddress, error: OSError) -> ConfigError:
    reason = error.strerror or str(error)
    return ConfigError([Fault(str(address), f"cannot be listened on: {reason}")])
