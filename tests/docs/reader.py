"""A reader who follows a page: writes its files and runs its commands, in one folder."""

import os
import re
import signal
import socket
import subprocess
import sys
import wave
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import numpy as np

from tests.docs.blocks import ROOT, Block
from tests.docs.documents import CHECKS

HERE: Final = Path(__file__).parent
_PORT: Final = "50051"
# Also of a second server, of replicas with their HTTP ports, and of the model of conversations.
_PORTS: Final = re.compile(rf"\b({_PORT}|50052|5006[1234]|946[123]|8080)\b")
_SECONDS: Final = 120.0
# The environment of the tests replaces the one that a reader makes.
_MAKES_ENVIRONMENT: Final = re.compile(
    r"python3 -m venv [^&\n]*?(?= *(&&|$))|(\. |source )\S*bin/activate|(\S*/)?pip install [^&\n]*"
    r"|npm install [^&\n]*",
    re.MULTILINE,
)


class Reader:
    """Follows one page; a context manager that ends the servers of the page.

    Attributes:
        folder: where the page's files are written and its commands run, at first.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ports: defaultdict[str, str] = defaultdict(_free_port)
        self._groups: list[int] = []
        self._printed: str | None = ""
        self._tests: list[str] = []
        self._servers: list[subprocess.Popen[str]] = []
        self._state = folder.parent / f"{folder.name}-state"

    def __enter__(self) -> Self:
        home = self._state / "home"
        home.mkdir(parents=True)
        (home / "millrace").symlink_to(ROOT)
        write_recording(self.folder / "speech.wav")
        (self.folder / ".venv").symlink_to(sys.prefix)
        return self

    def __exit__(self, *_: object) -> None:
        statuses = [self._end(server) for server in self._servers]
        for group in self._groups:
            with suppress(ProcessLookupError):  # of what a page has started with & and not ended
                os.killpg(group, signal.SIGTERM)
        assert not any(statuses), f"a server ended with {statuses}"

    def follow(self, block: Block) -> None:
        """Follow one block."""
        text = _PORTS.sub(lambda found: self._ports[found[0]], block.text)
        if block.marker == "elsewhere":
            assert block.detail, "the marker needs the place where the block is run"
        elif block.marker == "output":
            self._compare(text)
        elif block.marker == "needs" and not self._has_module(block.detail):
            self._printed = None  # nor is its output looked for
        elif block.language == "sh" and not block.title:
            self._type(_MAKES_ENVIRONMENT.sub("true", text), block)
        elif block.title:
            self._write(block, text)
            if block.title.startswith("test_"):
                self._try(block)
        elif block.language == "python":
            self._write_text("example.py", text)
            self._type("python example.py", block)
        else:
            CHECKS[block.language](text)

    def finish(self) -> None:
        """Run the page's tests, all at once, because starting pytest takes most of the time."""
        tests, self._tests = self._tests, []
        if tests:
            self._type(f"pytest -q {' '.join(tests)}")

    def _try(self, block: Block) -> None:
        if block.marker == "fails":
            self._type(f"pytest -q {block.title}", block)
        else:
            self._tests.append(str(self._current_folder() / block.title))

    def _write(self, block: Block, text: str) -> None:
        check = None if block.title == "pyproject.toml" else CHECKS.get(block.language)
        if check is not None:
            check(text)
        self._write_text(block.title, text)

    def _write_text(self, name: str, text: str) -> None:
        path = self._current_folder() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def _current_folder(self) -> Path:
        saved = self._state / "folder"
        return Path(saved.read_text().strip()) if saved.exists() else self.folder

    def _type(self, command: str, block: Block | None = None) -> None:
        if block is not None and block.marker == "background":
            self._start(command)
            return
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", self._remembering(command)],
            cwd=self._current_folder(),
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._groups.append(shell.pid)
        self._printed = _output_of(shell)
        expected = int(block.detail) if block is not None and block.marker == "fails" else 0
        assert shell.returncode == expected, f"exit status {shell.returncode}\n{self._printed}"

    def _remembering(self, command: str) -> str:
        """Return a command that continues in the folder and variables of the previous one."""
        folder, variables = self._state / "folder", self._state / "variables"
        return (
            f"[ ! -f {variables} ] || . {variables}\n"
            f"trap 'pwd > {folder}; export -p > {variables}' EXIT\n{command}"
        )

    def _start(self, command: str) -> None:
        server = subprocess.Popen(
            ["bash", "-c", f"{self._remembering('')}\ntrap - EXIT\nexec env {command.strip()}"],
            cwd=self._current_folder(),
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._servers.append(server)
        assert server.stderr is not None
        said = ""
        for line in server.stderr:
            said += line
            if "listening" in line:
                return
        raise AssertionError(f"the server did not start:\n{said}")

    def _end(self, server: "subprocess.Popen[str]") -> int:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
        _output_of(server)
        return server.returncode

    def _environment(self) -> dict[str, str]:
        own = {
            name: os.environ[name]
            for name in ("LANG", "NODE_PATH", "PYTHONPATH")
            if name in os.environ
        }
        return own | {
            "HOME": str(self._state / "home"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:{HERE / 'commands'}",
            "GRPC_BIND_ADDRESS": f"127.0.0.1:{self._ports[_PORT]}",
            "COLUMNS": "100",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _has_module(self, name: str) -> bool:
        """Return whether JavaScript that needs this module can be run."""
        find = ["node", "-e", f"require.resolve({name!r})"]
        with suppress(FileNotFoundError):
            return subprocess.run(find, capture_output=True).returncode == 0
        return False

    def _compare(self, expected: str) -> None:
        if self._printed is None:
            return
        parts = [_squeezed(part) for part in expected.split("...")]
        pattern = ".*".join(map(re.escape, parts))
        assert re.search(pattern, _squeezed(self._printed), re.DOTALL), self._printed


def _output_of(process: "subprocess.Popen[str]") -> str:
    """Wait for a command, and return its output; after a time limit, kill its process group.

    Raises:
        AssertionError: it did not end in time.
    """
    try:
        return process.communicate(timeout=_SECONDS)[0] or ""
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        printed = process.communicate()[0]
        raise AssertionError(f"it did not end in {_SECONDS:g} s\n{printed}") from None


def write_recording(path: Path) -> None:
    """Write half a second of a tone, for pages that use a recording of the reader's own."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        seconds = np.arange(24000) / 48000
        file.writeframes((8000 * np.sin(2 * np.pi * 440 * seconds)).astype("<i2").tobytes())


def _squeezed(text: str) -> str:
    """Return text with single blanks, because tables are as wide as the terminal."""
    return " ".join(text.split())


def _free_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])
