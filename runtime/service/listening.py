"""Sockets that listen."""

import socket
from typing import Final

from ..config import ServerAddress
from ..errors import ConfigError, Fault

_BACKLOG: Final = 512


def listening_socket(address: ServerAddress) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ConfigError: the server cannot listen at the address.
    """
    bound = bound_socket(address)
    try:
        listen(bound, address)
    except ConfigError:
        bound.close()
        raise
    return bound


def bound_socket(address: ServerAddress) -> socket.socket:
    """Return a bound socket. An address in use is an error before anything is started.

    Connections to it are refused until it listens.

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
