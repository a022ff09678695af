"""`millrace run` on files: recordings of anybody's in, text and sound out."""

import wave
from pathlib import Path

import numpy as np
import psutil
import pytest
import soxr

from tests.cli.commands import answer, finish, millrace, start, write_manifest

ECHO: dict[str, object] = {"id": "echo", "node_type": "EchoNode"}
GRAMMAR = """#JSGF V1.0;
grammar home;
public <command> = turn the (lights | fan) (on | off) | what time is it;
"""


def speak(folder: Path, text: str) -> Path:
    """Have a sentence spoken, and return a WAV file of it at 48 kHz in stereo."""
    pytest.importorskip("espeakng_loader", reason="needs the extra `speech`")
    manifest = write_manifest(folder, {"id": "speak", "node_type": "EspeakNode"})
    done = millrace("run", manifest, "--output", "mono.wav", folder=folder, given=text)
    assert done.returncode == 0, done.stderr
    with wave.open(str(folder / "mono.wav")) as file:
        rate = file.getframerate()
        spoken = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    silence = np.zeros(rate // 2, np.int16)
    sound = soxr.resample(np.concatenate([silence, spoken, silence]), rate, 48000)
    path = folder / "stereo.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 48000, 0, "NONE", ""))
        file.writeframes(np.repeat(sound.astype("<i2"), 2).tobytes())
    return path


def test_a_recording_at_48_khz_in_stereo_becomes_text(tmp_path: Path) -> None:
    recording = speak(tmp_path, "turn the lights on")
    manifest = write_manifest(
        tmp_path,
        {"id": "resample", "node_type": "FastResampleNode", "params": {"targetRate": 16000}},
        {"id": "vad", "node_type": "SileroVADNode"},
        {"id": "hear", "node_type": "PocketSphinxNode", "params": {"grammar": GRAMMAR}},
    )
    done = millrace("run", manifest, "-i", recording, "-o", "text.txt", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert (tmp_path / "text.txt").read_text() == "turn the lights on\n"


def test_each_multiprocess_node_is_one_process_and_none_is_there_afterwards(
    tmp_path: Path,
) -> None:
    second: dict[str, object] = {"id": "again", "node_type": "EchoNode"}
    process = start("run", write_manifest(tmp_path, ECHO, second), "--quiet", folder=tmp_path)
    assert answer(process, b"hello\n") == b"Echo #1: Echo #1: hello\n"
    (forkserver,) = psutil.Process(process.pid).children()
    nodes = forkserver.children()
    assert len(nodes) == 2
    assert finish(process).returncode == 0
    assert not any(each.is_running() for each in (forkserver, *nodes))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("broken.mp3", b"no sound at all" * 50, "broken.mp3: cannot be read as sound"),
        ("empty.wav", b"", "empty.wav: is empty; expected sound"),
        ("latin.txt", b"caf\xe9\n", "latin.txt, line 1: not UTF-8 text"),
    ],
)
def test_an_input_that_cannot_be_read_is_told_before_anything_starts(
    name: str, content: bytes, told: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    manifest = write_manifest(tmp_path, ECHO)
    done = millrace("run", manifest, "-i", name, "-o", "out.jsonl", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {told}")
    assert "ready" not in done.stderr
    assert not (tmp_path / "out.jsonl").exists()
