"""An actor that ends, or blocks, its process at a chosen moment in a chosen way."""

import os
import signal
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from actors import Actor, Data, Field, Json, Params

CONTROL = 3
"""The descriptor of the control socket in a node's process."""


class CulpritParams(Params):
    """When and how."""

    when: str = Field("process", description="initialize, process, flush, cleanup or idle")
    how: str = Field("sigkill", description="see `misbehave`")
    path: str = Field("", description="where the id of the process that stays is written")


class Culprit(Actor[CulpritParams]):
    """Misbehave once."""

    def initialize(self) -> None:
        self._maybe("initialize")

    def process(self, item: Data) -> Data:
        self._maybe("process")
        if self.params.when == "idle":
            threading.Thread(target=self._when_idle, daemon=True).start()
        return item

    def flush(self) -> None:
        self._maybe("flush")

    def cleanup(self) -> None:
        self._maybe("cleanup")

    def _maybe(self, hook: str) -> None:
        if self.params.when == hook:
            misbehave(self.params.how, self.params.path)

    def _when_idle(self) -> None:
        time.sleep(0.02)  # the main thread waits for the next item by then, or soon
        misbehave(self.params.how, self.params.path)


def misbehave(how: str, path: str = "") -> None:
    """Do it; does not come back, or raises, except where only descriptors suffer."""
    match how:
        case "sigkill" | "sigsegv" | "sigabrt":
            os.kill(os.getpid(), signal.Signals[how.upper()])
            time.sleep(60)
        case "exit":
            os._exit(3)
        case "exception":
            raise RuntimeError("as asked")
        case "system_exit":
            raise SystemExit(4)
        case "close_descriptors":
            os.closerange(3, 1024)
            time.sleep(60)
        case "garbage":
            os.set_blocking(CONTROL, True)
            os.write(CONTROL, b"\xff" * 100)
            time.sleep(60)
        case "wrong_message":
            os.set_blocking(CONTROL, True)
            os.write(CONTROL, b"\x03\x00\x00\x00\x93\x01\x02")
            time.sleep(60)
        case "hang":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            Path(path).write_text(str(os.getpid()))
            while True:
                time.sleep(60)
        case "daemon":
            start_daemon(path)
            os._exit(5)


def start_daemon(path: str) -> None:
    """Start a process that leaves the group, the session and its parent; write down its id."""
    if os.fork() == 0:
        os.setsid()
        daemon = os.fork()
        if daemon == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(60)
        Path(path).write_text(str(daemon))
        os._exit(0)
    os.wait()


def misbehave_in_a_node(how: str, path: str) -> None:
    """Do it where a module is imported by a node's process, and not by the server's check."""
    if any("forkserver_main" in argument for argument in sys.orig_argv):
        misbehave(how, path)


class Daemonizing(Actor[Params]):
    """Leave a process behind that has left its group, its session and its parent."""

    def initialize(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            start_daemon(f"{folder}/pid")

    def process(self, item: Data) -> Data:
        return item


class OpenDescriptors(Actor[Params]):
    """Say which descriptors the process has."""

    def process(self, item: Data) -> Json:
        names = {}
        for name in os.listdir("/proc/self/fd"):
            with suppress(FileNotFoundError):
                names[name] = os.readlink(f"/proc/self/fd/{name}")
        return Json(names)
