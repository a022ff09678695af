"""What is done to a server's node processes and to its shared memory."""

import os
import random
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from tests.service.serve_process import ServeProcess

_PAUSE_SECONDS: Final = (0.1, 0.3, 1.0)


class Disturbances:
    """Kills and stops node processes, and fills /dev/shm of a server in a mount namespace.

    Attributes:
        counts: of each kind.
    """

    def __init__(self, server: ServeProcess, chance: random.Random, *, fills: bool = True) -> None:
        self._kinds = ["kills", "kills", "stops", "stops", *(["fills"] if fills else [])]
        self.counts = {"kills": 0, "stops": 0, "fills": 0}
        self._server = server
        self._chance = chance
        self._segments = Path(f"/proc/{server.pid}/root/dev/shm")

    def run(self, stop: threading.Event) -> None:
        """Disturb until the event is set; leave nothing stopped or filled."""
        while not stop.is_set():
            kind = self._chance.choice(self._kinds)
            with suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                if {"kills": self._kill, "stops": self._stop, "fills": self._fill}[kind]():
                    self.counts[kind] += 1
            stop.wait(self._chance.choice(_PAUSE_SECONDS))

    def segments(self) -> list[str]:
        """Return what is in the server's /dev/shm."""
        with suppress(FileNotFoundError):  # the server has ended
            return os.listdir(self._segments)
        return []

    def _node(self) -> psutil.Process | None:
        """Return a node process: a child of the forkserver, which is a child of the server."""
        direct = psutil.Process(self._server.pid).children()
        nodes = [node for each in direct for node in each.children()]
        return self._chance.choice(nodes) if nodes else None

    def _kill(self) -> bool:
        node = self._node()
        if node is not None:
            node.send_signal(signal.SIGKILL)
        return node is not None

    def _stop(self) -> bool:
        node = self._node()
        if node is None:
            return False
        node.send_signal(signal.SIGSTOP)
        time.sleep(self._chance.choice(_PAUSE_SECONDS))
        node.send_signal(signal.SIGCONT)
        return True

    def _fill(self) -> bool:
        ballast = self._segments / "ballast"
        figures = os.statvfs(self._segments)
        size = figures.f_bavail * figures.f_frsize - self._chance.choice([0, 100_000, 4_000_000])
        try:
            with ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, max(size, 1))
            time.sleep(self._chance.choice(_PAUSE_SECONDS))
        except OSError:  # others have taken the room meanwhile
            return False
        finally:
            ballast.unlink(missing_ok=True)
        return True
