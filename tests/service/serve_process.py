"""`millrace serve` as a process of its own, whose log is a file."""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from tests.cli.commands import command, environment

_SECONDS: Final = 60.0
_LISTENING: Final = re.compile(r"listening on \S+:(\d+);")


class ServeProcess:
    """A server that runs.

    Attributes:
        port: where it listens on 127.0.0.1.
        pid: its process id.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.pid = process.pid
        self._process = process
        self._log = log
        self.port = self._wait_listening()

    def log(self) -> str:
        """Return everything that it has logged."""
        return self._log.read_text(errors="replace")

    def is_running(self) -> bool:
        """Tell whether the process has not ended."""
        return self._process.poll() is None

    def family(self) -> list[psutil.Process]:
        """Return the processes that it has started, and theirs."""
        return psutil.Process(self.pid).children(recursive=True)

    def stop(self) -> int:
        """Send SIGTERM, and return the exit status."""
        self._process.send_signal(signal.SIGTERM)  # nothing happens where it has ended
        return self._process.wait(_SECONDS)

    def _wait_listening(self) -> int:
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline and self.is_running():
            found = _LISTENING.search(self.log())
            if found is not None:
                return int(found[1])
            time.sleep(0.02)  # a file cannot be waited for
        raise AssertionError(f"the server did not start:\n{self.log()}")


@contextmanager
def serve_process(
    *arguments: str | Path, variables: Mapping[str, str] | None = None, prefix: tuple[str, ...] = ()
) -> Iterator[ServeProcess]:
    """Serve on any free port for as long as the block lasts.

    Args:
        arguments: further ones of `millrace serve`.
        variables: more of the environment.
        prefix: a command that runs the server, such as `unshare`.
    """
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("wb") as log:
        process = subprocess.Popen(
            [*prefix, *command("serve", "--bind", "127.0.0.1:0", *arguments)],
            cwd=folder,
            env={**environment(), **(variables or {})},
            stderr=log,
            start_new_session=True,
        )
        try:
            yield ServeProcess(process, Path(folder, "log"))
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
