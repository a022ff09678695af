"""What the outgoing track of a conversation over WebRTC gets to send."""

import numpy as np
import pytest
import trio

from actors import Array

pytest.importorskip("aiortc", reason="install the webrtc extra")

from runtime.talk.webrtc import Voice


def tone(seconds: float, rate: int, channels: int = 1) -> Array:
    """Return a tone of 300 Hz at half of the greatest level."""
    wave = np.sin(np.arange(int(rate * seconds)) / rate * 2 * np.pi * 300)
    return np.repeat((wave * 16000).astype(np.int16)[:, None], channels, axis=1)


def frames(voice: Voice) -> list[Array]:
    """Return all frames until the voice is silent."""
    found = []
    while (frame := voice.next_frame()).any():
        found.append(frame)
    return found


@pytest.mark.parametrize(("rate", "channels"), [(48000, 1), (48000, 2), (22050, 1), (8000, 1)])
def test_every_rate_is_sent_whole_at_48_khz(rate: int, channels: int) -> None:
    voice = Voice()
    for start in range(10):
        voice.say(tone(1.0, rate, channels)[start * rate // 10 :][: rate // 10], rate, 7)
    sent = np.concatenate(frames(voice))
    wanted = tone(1.0, 48000)[:, 0]
    assert abs(len(sent) - len(wanted)) <= 960
    assert np.abs(sent[1000:47000].astype(int) - wanted[1000:47000]).max() < 200


def test_a_stop_silences_the_next_frame() -> None:
    voice = Voice()
    voice.say(tone(5.0, 22050), 22050, 1)
    assert voice.next_frame().any()
    sequence = voice.saying
    voice.stop()
    assert (sequence, voice.saying) == (1, None)
    assert not voice.next_frame().any()
    voice.say(tone(1.0, 48000), 48000, 2)
    assert voice.next_frame().any()
    assert [voice.saying] == [2]


async def test_more_than_twenty_seconds_wait_until_there_is_room(
    autojump_clock: trio.testing.MockClock,
) -> None:
    voice = Voice()
    for _ in range(20):
        await voice.wait_for_room()
        voice.say(tone(1.0, 48000), 48000, 1)
    with trio.move_on_after(1) as waiting:
        await voice.wait_for_room()
    assert waiting.cancelled_caught
    async with trio.open_nursery() as nursery:
        nursery.start_soon(voice.wait_for_room)
        await trio.testing.wait_all_tasks_blocked()
        voice.next_frame()
    voice.stop()
    await voice.wait_said()


async def test_each_result_is_noted_once() -> None:
    voice = Voice()
    noted = []
    for sequence in (1, 1, 2):
        voice.say(tone(0.1, 48000), 48000, sequence)
    for _ in range(20):
        changed = voice.changed
        voice.next_frame()
        if changed.is_set():
            noted.append(voice.saying)
    assert noted == [1, 2, None]
