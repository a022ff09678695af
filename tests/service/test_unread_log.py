"""Nodes that print without end, and a server whose standard error nobody reads."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import command, environment
from tests.service.grpcio_client import connected
from tests.service.messages import chunk, control, json_buffer, pipeline
from tests.service.serve_process import serve_process
from tests.service.test_serve_command import listening

PLACES = ["native", "multiprocess"]
NODES = [
    "--nodes",
    "PrintingUntil=tests.service.specimens:PrintingUntil",
    "--nodes",
    "EchoHere=tests.service.specimens:EchoHere",
]
LINES = 50_000
ROUND_TRIPS = 50
SECONDS = 60.0


@pytest.fixture
def unread_server(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A server whose output is not read after its first lines."""
    process = subprocess.Popen(
        command("serve", "--bind", "127.0.0.1:0", *NODES),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def run_beside_a_neighbour(target: str, place: str, how: str, folder: Path) -> int:
    """Let a node print until a neighbour has had its round trips; return the number of lines."""
    stop = folder / "stop"
    params = {"least": LINES, "until": str(stop), "how": how}
    printing = pipeline({"a": ("PrintingUntil", params)}, places={"a": place})
    echo = pipeline({"a": "EchoHere"}, places={"a": "native"})
    with connected(target) as client, client.pipeline(echo) as neighbour:
        neighbour.wait_ready()
        with client.pipeline(printing, chunk(json_buffer(0), 0)) as stream:
            stream.wait_ready()
            for number in range(ROUND_TRIPS):
                neighbour.send(chunk(json_buffer(number), number))
                neighbour.results(1)
            stop.touch()
            stream.send(control("CLOSE"))
            (lines,) = stream.rest().values("a")
        neighbour.send(control("CLOSE"))
        assert neighbour.rest().closed
    return int(lines)


@pytest.mark.parametrize("how", ["print", "log"])
@pytest.mark.parametrize("place", PLACES)
def test_a_log_that_nobody_reads_stops_neither_sessions_nor_the_server(
    unread_server: "subprocess.Popen[bytes]", tmp_path: Path, place: str, how: str
) -> None:
    target = listening(unread_server)
    assert run_beside_a_neighbour(target, place, how, tmp_path) >= LINES
    unread_server.send_signal(signal.SIGTERM)
    assert unread_server.wait(SECONDS) == 0


@pytest.mark.parametrize("how", ["print", "log"])
@pytest.mark.parametrize("place", PLACES)
def test_every_line_of_a_node_is_written_or_counted(tmp_path: Path, place: str, how: str) -> None:
    with serve_process(*NODES) as server:
        lines = run_beside_a_neighbour(f"127.0.0.1:{server.port}", place, how, tmp_path)
        assert server.stop() == 0
        log = server.log()
    written = re.findall(r"INFO +\S+/a line (\d+) of many\n", log)
    counts = re.findall(r"/a more entries than 200 in a second were left out left_out=(\d+)\n", log)
    assert counts
    assert len(written) + sum(map(int, counts)) == lines
    assert written[:200] == [str(number) for number in range(200)]
    assert len(written) < LINES // 2
