"""A command line that cannot work is refused with the reason, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import time
import wave
from pathlib import Path

import pytest

from .commands import command, environment, finish, millrace, start, write_manifest

ECHO: dict[str, object] = {"id": "echo", "node_type": "EchoNode"}
RESAMPLE: dict[str, object] = {
    "id": "resample",
    "node_type": "FastResampleNode",
    "params": {"target_rate": 8000},
}


def write_recording(folder: Path) -> Path:
    path = folder / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(3200))
    return path


def test_an_input_in_place_of_the_manifest_is_named(tmp_path: Path) -> None:
    write_recording(tmp_path)
    done = millrace("run", "speech.wav", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: speech.wav: expected a manifest")
    assert "--input speech.wav" in done.stderr


def test_a_refused_output_leaves_no_file_and_none_of_the_others(tmp_path: Path) -> None:
    write_recording(tmp_path)
    manifest = write_manifest(tmp_path, RESAMPLE, {**RESAMPLE, "id": "b"}, chain=False)
    before = sorted(tmp_path.iterdir())
    outputs = ("-o", "resample=first.wav", "-o", "b=missing/second.wav")
    done = millrace("run", manifest, "-i", "speech.wav", *outputs, folder=tmp_path)
    assert done.returncode == 2
    assert "missing/second.wav: cannot be written: No such file" in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_refused_output_keeps_the_file_that_is_there(tmp_path: Path) -> None:
    write_recording(tmp_path)
    (tmp_path / "out.wav").write_text("precious")
    manifest = write_manifest(tmp_path, ECHO)
    done = millrace("run", manifest, "-i", "missing.wav", "-o", "out.wav", folder=tmp_path)
    assert done.returncode == 2
    assert (tmp_path / "out.wav").read_text() == "precious"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "error: Missing argument 'MANIFEST'"),
        (["run", "m.json", "--chunk-ms", "none"], "error: Invalid value for '--chunk-ms'"),
        (["validate", "m.json", "--svg", "x", "--dot", "x"], "give each its own file"),
        (["profile", "m.json", "--speedscope", "missing/p.json"], "missing/p.json: cannot be"),
        (["nonsense"], "error: No such command 'nonsense'"),
    ],
)
def test_a_wrong_command_line_is_status_2(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    done = millrace(*arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_without_a_command_help_is_printed(tmp_path: Path) -> None:
    done = millrace(folder=tmp_path)
    assert done.returncode == 2
    assert "Run pipelines of actors" in done.stdout


def test_a_full_disk_under_the_results_is_an_error(tmp_path: Path) -> None:
    for arguments in (("nodes",), ("nodes", "--json"), ("config",)):
        with open("/dev/full", "wb") as full:
            done = finish(start(*arguments, folder=tmp_path, stdout=full.fileno()))
        assert done.returncode == 2
        assert "error: stdout: cannot be written: No space left on device" in done.stderr


def test_a_server_whose_log_disk_is_full_stops_with_status_0(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with open("/dev/full", "wb") as full:
        process = subprocess.Popen(
            command("serve", "--bind", f"127.0.0.1:{port}"),
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=full,
            start_new_session=True,
        )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0


def complete(folder: Path, *words: str) -> list[str]:
    """Return what a shell offers for the last word."""
    line = ["millrace", *words]
    variables = {
        **environment(),
        "_MILLRACE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(line),
        "COMP_CWORD": str(len(line) - 1),
    }
    done = subprocess.run(
        command(), cwd=folder, env=variables, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_shell_completes_manifests_and_folders(tmp_path: Path) -> None:
    for name in ("speech.json", "speech.yaml", "speech.wav", ".hidden.json"):
        (tmp_path / name).touch()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "inner.yml").touch()
    assert complete(tmp_path, "run", "sp") == ["speech.json", "speech.yaml"]
    assert complete(tmp_path, "validate", "m") == ["more/"]
    assert complete(tmp_path, "run", "more/") == ["more/inner.yml"]
    assert complete(tmp_path, "run", "missing/") == []


def test_a_shell_completes_node_types_also_those_of_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from actors import ANY_KIND, Actor\n\n\nclass EchoingNode(Actor):\n"
        '    """Echo."""\n    produces = ANY_KIND\n\n'
        "    def process(self, item):\n        return item\n"
    )
    assert complete(tmp_path, "nodes", "Echo") == ["EchoNode"]
    offered = complete(tmp_path, "nodes", "--nodes", "mine.py", "Echo")
    assert sorted(offered) == ["EchoNode", "EchoingNode"]


def test_a_signal_stops_watching_and_the_run(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    os.mkfifo(tmp_path / "in.txt")
    manifest = write_manifest(tmp_path, ECHO)
    process = start("run", manifest, "-i", "in.txt", "-q", "--watch", folder=tmp_path)
    with open(tmp_path / "in.txt", "w") as file:
        file.write("hello\n")
        file.flush()
        assert process.stdout is not None
        assert process.stdout.readline() == b"Echo #1: hello\n"
        process.send_signal(signal.SIGTERM)
        done = finish(process)
    assert done.returncode == 128 + signal.SIGTERM
