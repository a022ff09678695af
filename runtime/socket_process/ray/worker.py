"""The actor that Ray places: one process for one node, used once."""

import os
import platform
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

from actors.offline import stay_offline

_DISTRIBUTION: Final = "millrace-runtime"


class OpenedWorker(NamedTuple):
    """A worker that waits for its node.

    Attributes:
        host, port: where it listens.
        version: of Millrace there.
        python: the version of Python there.
        machine: the name of its machine.
    """

    host: str
    port: int
    version: str
    python: str
    machine: str


class RayWorker:
    """A process for one node. Ray calls `open`, then `run`, in the main thread.

    It knows nothing of Ray's data plane: the server and other workers connect to it.
    """

    def __init__(self) -> None:
        self._listening: socket.socket | None = None

    def open(self, host: str = "") -> OpenedWorker:
        """Import what a node needs, and listen.

        Args:
            host: the address of the interface to listen on; empty for that of the Ray node.
        """
        stay_offline()
        with suppress(OSError):
            # Ray lowers the priority of its workers; a node has that of a node process.
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        # Now, and not when the node is there, who waits for it.
        from ...execution.process.behind_socket import run_node_behind_socket  # noqa: F401

        family = socket.AF_INET6 if ":" in (host := host or _node_ip()) else socket.AF_INET
        self._listening = socket.create_server((host, 0), family=family)
        address = self._listening.getsockname()
        return OpenedWorker(
            address[0],
            address[1],
            version(_DISTRIBUTION),
            platform.python_version(),
            platform.node(),
        )

    def run(
        self, key: bytes, sys_path: Sequence[str], silence_seconds: float, certificate: bytes
    ) -> None:
        """Run the node that the server sends, then end the process.

        Args:
            key: of the secret of the session's links.
            sys_path: where the server finds modules. Folders that exist here too, as in a shared
                file system, are searched after those of this interpreter.
            silence_seconds: how long this process may be cut off, or stopped.
            certificate: that of the session, with its key; empty: links are not encrypted.
        """
        from ...execution.process.behind_socket import run_node_behind_socket
        from ...links.socket import LinkCertificate, LinkSecret
        from .guard_process import guarded_pulse

        sys.path += [path for path in sys_path if path not in sys.path and Path(path).is_dir()]
        # What the node starts is in this group too, and is killed with it.
        if os.getpgid(0) != os.getpid():
            os.setpgid(0, 0)
        tls = LinkCertificate(certificate) if certificate else None
        run_node_behind_socket(
            LinkSecret(key),
            listening=self._listening,
            give_signs=guarded_pulse(silence_seconds),
            server_tls=tls.listening() if tls is not None else None,
            client_tls=tls.dialling() if tls is not None else None,
        )
        _exit_actor()


def _node_ip() -> str:
    import ray

    address: str = ray.util.get_node_ip_address()
    return address


def _exit_actor() -> None:
    """End this process in such a way that Ray does not report it as a crash."""
    import ray

    leave: Any = ray.actor.exit_actor
    leave()
