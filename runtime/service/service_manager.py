"""Reports the state of a server to the service manager that started it, as sd_notify(3) defines."""

import logging
import os
import socket
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Final

import trio

from ..errors import sole_error

# The manager's queue is full only while it is busy with something else.
_SEND_SECONDS: Final = 5.0
_MICROSECONDS: Final = 1_000_000

_log: Final = logging.getLogger("millrace.service")


class ServiceManager:
    """The service manager of a server, such as systemd; without one, reports do nothing."""

    def __init__(self, sender: trio.socket.SocketType | None = None, address: str = "") -> None:
        self._sender = sender
        self._address = address

    async def report_ready(self, status: str) -> None:
        """Report that clients can connect.

        Args:
            status: one line, which `systemctl status` shows.
        """
        await self._send(f"READY=1\nSTATUS={status}")

    async def report_stopping(self, status: str) -> None:
        """Report that the server has begun to shut down."""
        await self._send(f"STOPPING=1\nSTATUS={status}")

    async def report_alive(self, every_seconds: float) -> None:
        """Report at this interval that the event loop runs, until cancelled.

        The protocol knows no other way: without these reports the manager ends the server.
        """
        while True:
            await self._send("WATCHDOG=1")
            await trio.sleep(every_seconds)

    async def _send(self, message: str) -> None:
        if self._sender is None:
            return
        try:
            with trio.fail_after(_SEND_SECONDS):
                # Without a connection, the socket counts as writable while the manager's queue is
                # full, and waiting for it would use a whole core. A manager that was restarted
                # needs a new one.
                await self._sender.connect(self._address)
                await self._sender.send(message.encode())
        except (OSError, trio.TooSlowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it does not read"
            _log.warning(
                "the service manager cannot be reached", extra={"reason": reason or str(error)}
            )


@asynccontextmanager
async def open_service_manager(
    environment: MutableMapping[str, str],
) -> AsyncIterator[ServiceManager]:
    """Yield the service manager that the environment names; report to its watchdog meanwhile.

    Args:
        environment: NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are removed from it. Node
            processes must not inherit them: what a library reports there would count as ours.
    """
    address = _address(environment.pop("NOTIFY_SOCKET", ""))
    every_seconds = _watchdog_interval(
        environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
    )
    if not address:
        yield ServiceManager()
        return
    try:
        with trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            manager = ServiceManager(sender, address)
            async with trio.open_nursery() as nursery:
                if every_seconds is not None:
                    nursery.start_soon(manager.report_alive, every_seconds)
                try:
                    yield manager
                finally:
                    nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise sole_error(group) from None


def _address(name: str) -> str:
    """Return the address of a Unix socket; empty if there is none."""
    if name.startswith("@"):
        return f"\0{name[1:]}"
    if name and not name.startswith("/"):
        _log.warning("NOTIFY_SOCKET is not supported", extra={"expected": "/path or @name"})
        return ""
    return name


def _watchdog_interval(microseconds: str, process_id: str) -> float | None:
    """Return the seconds between two reports, half of what the manager allows; None without one."""
    if not microseconds or process_id not in ("", str(os.getpid())):
        return None
    if not (microseconds.isascii() and microseconds.isdigit() and int(microseconds)):
        _log.warning("WATCHDOG_USEC is not supported", extra={"expected": "an integer > 0"})
        return None
    return int(microseconds) / _MICROSECONDS / 2
