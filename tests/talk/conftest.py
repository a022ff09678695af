"""A browser whose microphone is a file of synthesized speech."""

import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
import soxr

from actors import Array, Audio, Text
from actors.nodes.espeak import EspeakNode
from actors.testing import harness
from tests.browser.chromium import Browser, BrowserProcess, browser_process, chromium
from tests.talk.specimens import FIRST, SECOND

RATE = 48000
# What is said before the nodes are ready is lost. The first answer lasts longer than the pause
# after the first command: the second command interrupts it, also where a busy machine is late.
BEFORE, BETWEEN, AFTER = 5.0, 4.0, 30.0


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WAV file: a command, a pause, another command, and silence."""
    pytest.importorskip("espeakng_loader", reason="install the speech extra")
    path = Path(tmp_path_factory.mktemp("speech"), "speech.wav")
    parts = [silence(BEFORE), spoken(FIRST), silence(BETWEEN), spoken(SECOND), silence(AFTER)]
    samples = (np.concatenate(parts) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path


@pytest.fixture(scope="session")
def browser_with_speech(
    speech: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserProcess]:
    """A headless Chromium."""
    if chromium() is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with browser_process(
        Path(tmp_path_factory.mktemp("browser")),
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={speech}",
        # A name that leads here, and is none of this machine's own.
        "--host-resolver-rules=MAP talk.test 127.0.0.1",
    ) as process:
        yield process


@pytest.fixture
async def browser(browser_with_speech: BrowserProcess) -> AsyncIterator[Browser]:
    """The browser, without tabs."""
    async with Browser.connected(browser_with_speech) as connected:
        yield connected


def silence(seconds: float) -> Array:
    """Return silence."""
    return np.zeros(int(RATE * seconds), np.float32)


def spoken(text: str) -> Array:
    """Return a text in the voice that the recognizer understands best."""
    params = {"voice": "en-us+f3", "rate_wpm": 150, "stream_chunks": False}
    with harness(EspeakNode, params=params) as node:
        items = [*node.feed(Text(text)), *node.end()]
    samples = np.concatenate([item.as_mono() for item in items if isinstance(item, Audio)])
    return np.asarray(soxr.resample(samples, 22050, RATE))
