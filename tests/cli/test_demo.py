"""The demonstration understands every command, word for word."""

import io
import math
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from actors import Audio, Text
from runtime import open_runtime
from runtime.cli.demo import run_demo
from runtime.cli.demo.answer_node import COMMANDS, AnswerNode
from runtime.cli.demo.pipelines import NODE_TYPES
from runtime.cli.demo.recording import write_recording
from runtime.errors import CallerError

pytest.importorskip("pocketsphinx", reason="needs the extra `speech`")


def consoles() -> tuple[Console, Console]:
    return Console(file=io.StringIO(), width=100), Console(file=io.StringIO(), width=100)


async def test_every_command_is_understood_and_answered_aloud(tmp_path: Path) -> None:
    out, err = consoles()
    output = tmp_path / "answers.wav"
    assert await run_demo(output=output, realtime=False, out=out, err=err)
    report = out.file.getvalue()  # type: ignore[attr-defined]
    progress = err.file.getvalue()  # type: ignore[attr-defined]
    assert f"{len(COMMANDS)} of {len(COMMANDS)} commands understood word for word" in report
    assert "2 processes started" in report
    assert "hear: ready 100%" in progress
    assert "Here is some music." in progress
    with wave.open(str(output)) as file:
        assert file.getframerate() == 22050
        assert file.getnframes() / file.getframerate() > 5
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.abs(samples).max() > 3000


async def test_a_recording_without_speech_fails_and_writes_nothing(tmp_path: Path) -> None:
    silence = tmp_path / "silence.wav"
    write_recording(silence, [Audio(np.zeros(48000, np.float32), 48000)])
    out, err = consoles()
    output = tmp_path / "answers.wav"
    assert not await run_demo(recording=silence, output=output, realtime=False, out=out, err=err)
    assert not output.exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_answer(command: str) -> None:
    actor = AnswerNode()
    actor.initialize()
    (answer,) = actor.process(Text(command))
    assert "Sorry" not in answer.text
    assert answer.metadata["command"] == command


def test_the_house_remembers_its_lights() -> None:
    actor = AnswerNode()
    actor.initialize()
    said = [
        next(actor.process(Text(f"turn the lights {switch} in the hall"))).text
        for switch in ("off", "on", "on")
    ]
    assert said == [
        "The lights in the hall are off already.",
        "The lights in the hall are on now.",
        "The lights in the hall are on already.",
    ]


async def test_the_pipelines_of_the_demonstration_are_valid() -> None:
    from runtime.cli.demo.pipelines import assistant_pipeline, speaking_pipeline

    async with open_runtime(node_types=NODE_TYPES) as runtime:
        assert runtime.plan(assistant_pipeline()).process_count == 2
        assert runtime.plan(speaking_pipeline()).process_count == 1


def test_a_recording_comes_back_as_it_was_written(tmp_path: Path) -> None:
    from runtime.cli.demo.recording import read_recording

    samples = np.array([math.sin(n / 10) / 2 for n in range(1000)], np.float32)
    write_recording(tmp_path / "tone.wav", [Audio(samples, 22050)])
    back = read_recording(tmp_path / "tone.wav")
    assert back.sample_rate == 22050
    assert np.abs(back.as_mono() - samples).max() < 1e-3


async def test_an_output_that_cannot_be_written_is_told_before_anything_starts(
    tmp_path: Path,
) -> None:
    out, err = consoles()
    output = tmp_path / "missing" / "answers.wav"
    with pytest.raises(CallerError, match="missing/answers.wav: cannot be written: No such file"):
        await run_demo(output=output, realtime=False, out=out, err=err)
    assert err.file.getvalue() == ""  # type: ignore[attr-defined]


async def test_a_missing_microphone_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    out, err = consoles()
    with pytest.raises(CallerError, match="the microphone needs sounddevice"):
        await run_demo(microphone_seconds=1, output=tmp_path / "answers.wav", out=out, err=err)
    assert err.file.getvalue() == ""  # type: ignore[attr-defined]
