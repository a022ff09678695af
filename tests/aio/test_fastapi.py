"""The application of the page "FastAPI and asyncio" on uvicorn, with its WebSocket."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import websockets
from websockets.sync.client import connect

from tests.docs.blocks import ROOT, blocks_of

PAGE = ROOT / "docs" / "guides" / "asyncio.md"
SECONDS = 60.0
SEGMENTS = Path("/dev/shm")


@dataclass
class Server:
    popen: "subprocess.Popen[bytes]"
    process: psutil.Process
    address: str
    log: Path

    def node(self) -> psutil.Process:
        """Return the process of the node "echo"."""
        children = self.process.children(recursive=True)
        (node,) = [each for each in children if "millrace: echo" in " ".join(each.cmdline())]
        return node


def file_of_page(name: str) -> str:
    (text,) = [block.text for block in blocks_of(PAGE) if block.title == name]
    return text


@contextmanager
def served(folder: Path, loop: str) -> Iterator[Server]:
    """Run the application, stop it with SIGTERM, and check that it leaves nothing."""
    for name in ("app.py", "echo.json"):
        (folder / name).write_text(file_of_page(name), "utf-8")
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", "0", "--loop", loop]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=output)
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line.decode()
        found = re.search(r"running on http://(\S+)", said)
        if found:
            break
    else:
        raise AssertionError(said)
    children: list[psutil.Process] = []
    try:
        yield Server(process, psutil.Process(process.pid), found[1], log)
        with suppress(psutil.NoSuchProcess):
            children += psutil.Process(process.pid).children(recursive=True)
    finally:
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=SECONDS)
        log.write_bytes(rest)
    # uvicorn raises the signal again when it has shut down.
    assert process.returncode == -signal.SIGTERM, rest.decode()
    assert not [each for each in children if each.is_running()]
    assert not list(SEGMENTS.glob(f"mr{process.pid:x}-*"))


def test_the_application_of_the_page_has_at_most_40_lines() -> None:
    assert len(file_of_page("app.py").splitlines()) <= 40


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_killing_a_node_ends_one_websocket_with_an_error_that_names_it(
    tmp_path: Path, loop: str
) -> None:
    with served(tmp_path, loop) as server, connect(f"ws://{server.address}/echo") as broken:
        broken.send("hello")
        assert broken.recv(SECONDS) == "Echo #1: hello"
        killed = server.node()
        with connect(f"ws://{server.address}/echo") as other:
            other.send("hi")
            assert other.recv(SECONDS) == "Echo #1: hi"
            os.kill(killed.pid, signal.SIGKILL)
            with pytest.raises(websockets.ConnectionClosedError) as caught:
                broken.recv(SECONDS)
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1011
            assert caught.value.rcvd.reason == "ProcessExitError of node echo"
            other.send("still there?")
            assert other.recv(SECONDS) == "Echo #2: still there?"
    said = server.log.read_text()
    assert "Traceback" not in said, said


def test_the_server_stops_with_a_session_open(tmp_path: Path) -> None:
    with served(tmp_path, "asyncio") as server, connect(f"ws://{server.address}/echo") as socket:
        socket.send("hello")
        assert socket.recv(SECONDS) == "Echo #1: hello"
        node = server.node()
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(websockets.ConnectionClosed):
            socket.recv(SECONDS)
        server.popen.wait(SECONDS)
        assert not node.is_running()
    assert "Traceback" not in server.log.read_text()
