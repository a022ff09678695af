"""Recordings that a server makes of every session."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from runtime import RuntimeConfig
from runtime.config import RecordingSettings
from runtime.recording import Side, open_recording, remove_oldest
from tests.service.conftest import Serve
from tests.service.grpcio_client import connected
from tests.service.messages import chunk, json_buffer, pipeline

ROOT = Path(__file__).parents[2]
ADD = {"operation": "add", "operands": [3.0, 4.0]}
CALCULATOR = pipeline({"calc": "CalculatorNode"}, places={"calc": "native"})


def run_one(target: str) -> None:
    with connected(target) as client, client.pipeline(CALCULATOR) as stream:
        stream.wait_ready()
        stream.send(chunk(json_buffer(ADD), 0, "calc"))
        stream.end()
        assert len(stream.rest().results) == 1


def test_every_session_of_a_server_is_recorded(serve: Serve, tmp_path: Path) -> None:
    server = serve(RuntimeConfig(recording=RecordingSettings(folder=str(tmp_path))))
    run_one(server.target)
    run_one(server.target)
    server.settle()
    recordings = [open_recording(path) for path in tmp_path.glob("*.mcap")]
    assert len(recordings) == 2
    for recording in recordings:
        assert recording.is_complete
        assert recording.counts() == {("calc", Side.INPUT): 1, ("calc", Side.OUTPUT): 1}


def test_a_session_goes_on_where_it_cannot_be_recorded(serve: Serve, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    server = serve(RuntimeConfig(recording=RecordingSettings(folder=missing)))
    run_one(server.target)


def test_the_oldest_recordings_are_removed(tmp_path: Path) -> None:
    for number in range(5):
        path = tmp_path / f"{number}.mcap"
        path.write_bytes(bytes(100))
        os.utime(path, (number, number))
    (tmp_path / "other.txt").write_bytes(bytes(1000))
    remove_oldest(tmp_path, 250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3.mcap", "4.mcap", "other.txt"]
    remove_oldest(tmp_path, 0)
    assert (tmp_path / "3.mcap").exists()


def test_a_recording_that_still_grows_is_not_removed(serve: Serve, tmp_path: Path) -> None:
    settings = RecordingSettings(folder=str(tmp_path), keep_bytes=1)
    server = serve(RuntimeConfig(recording=settings))
    with connected(server.target) as client, client.pipeline(CALCULATOR) as stream:
        session_id = stream.wait_ready().session_id
        run_one(server.target)
        stream.send(chunk(json_buffer(ADD), 0, "calc"))
        stream.results(1)
        assert (tmp_path / f"{session_id}.mcap").exists()
        stream.end()
        stream.rest()
    server.settle()
    assert list(tmp_path.glob("*.mcap")) == []


def test_a_killed_server_leaves_a_recording_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "runtime.toml").write_text(f'[recording]\nfolder = "{tmp_path}"\n')
    server = subprocess.Popen(
        [sys.executable, "-m", "runtime", "serve", "--bind", "127.0.0.1:0"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    with server:
        assert server.stderr is not None
        line = next(each for each in server.stderr if "listening on" in each)
        target = line.split("listening on ")[1].split(";")[0]
        with connected(target) as client, client.pipeline(CALCULATOR) as stream:
            stream.wait_ready()
            began = time.monotonic()
            sequence = 0
            # The file is written at least once a second.
            while time.monotonic() < began + 2.5:
                stream.send(chunk(json_buffer(ADD), sequence, "calc"))
                stream.results(1)
                sequence += 1
            server.send_signal(signal.SIGKILL)
            server.wait()
    (path,) = tmp_path.glob("*.mcap")
    recording = open_recording(path)
    assert not recording.is_complete
    outputs = recording.outputs("calc")
    assert [item.sequence for item in outputs] == list(range(len(outputs)))
    assert len(outputs) > sequence / 4
